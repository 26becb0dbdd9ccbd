-- Success probabilities of the usable results of an hour, added up, by the charges of the hour. That of a window is
-- sum(quality) / sum(amount), for each currency; in an hour with charges of several, `currency` says so.
CREATE OR REPLACE VIEW sli_quality_per_cost AS
SELECT
    found.tenant AS tenant,
    found.project AS project,
    found.workload_class AS workload_class,
    found.backend AS backend,
    whose.vendor AS vendor,
    toDateTime64(found.hour, 6, 'UTC') AS at,
    found.number AS good,
    found.number AS total,
    if(ifNull(found.amount, 0) > 0, found.quality / toFloat64(assumeNotNull(found.amount)), 0) AS value,
    found.amount AS amount,
    found.quality AS quality,
    found.currency AS currency
FROM results_and_charges AS found
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
