-- First bills and corrections; good are those in which each line is quantity times price, and their sum is the charge.
CREATE OR REPLACE VIEW sli_billing_recomputation AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(it.bill_adds_up) AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
