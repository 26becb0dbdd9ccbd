-- Jobs that completed or failed, at their end; good are those that completed, whatever their result is worth.
CREATE OR REPLACE VIEW sli_completion AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(it.type = 'qb.job.completed.v1') AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
