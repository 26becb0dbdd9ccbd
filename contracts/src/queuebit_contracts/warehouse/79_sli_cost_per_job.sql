-- Charges of an hour, with all corrections in it, beside the jobs that were first billed in it. The mean of a window is
-- sum(amount) / sum(total), for each currency.
CREATE OR REPLACE VIEW sli_cost_per_job AS
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
FROM (
    SELECT
        tenant, case_project AS project, workload_class, case_backend AS backend, charge_hour AS hour, currency,
        sum(charge) AS amount,
        countIf(type = 'qb.job.metered.v1') AS number
    FROM events FINAL
    WHERE charge_hour > toDateTime(0, 'UTC')
    GROUP BY charge_hour, tenant, case_project, workload_class, case_backend, currency
) AS found
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
