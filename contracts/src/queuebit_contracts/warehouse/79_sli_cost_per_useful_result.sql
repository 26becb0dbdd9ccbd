-- Charges of an hour, with all corrections in it, beside the usable results of the hour. The mean of a window is
-- sum(amount) / sum(total), for each currency; in an hour with charges of several, `currency` says so.
CREATE OR REPLACE VIEW sli_cost_per_useful_result AS
SELECT
    found.tenant AS tenant,
    found.project AS project,
    found.workload_class AS workload_class,
    found.backend AS backend,
    whose.vendor AS vendor,
    toDateTime64(found.hour, 6, 'UTC') AS at,
    found.number AS good,
    found.number AS total,
    toFloat64(ifNull(found.amount, 0)) / greatest(found.number, 1) AS value,
    found.amount AS amount,
    found.currency AS currency
FROM results_and_charges AS found
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
