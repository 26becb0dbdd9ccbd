-- Charges of an hour, with all corrections in it: spend per hour, for each project and currency. A day is the sum of
-- its hours.
CREATE OR REPLACE VIEW sli_burn AS
SELECT
    found.tenant AS tenant,
    found.project AS project,
    found.workload_class AS workload_class,
    found.backend AS backend,
    whose.vendor AS vendor,
    toDateTime64(found.hour, 6, 'UTC') AS at,
    toUInt64(1) AS good,
    toUInt64(1) AS total,
    toFloat64(ifNull(found.amount, 0)) AS value,
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
