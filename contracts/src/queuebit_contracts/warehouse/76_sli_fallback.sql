-- Jobs that completed or failed, at their end; good are those that ran on a backend that they asked for.
--
-- `backend` is where the job ran; `instead_of` has the backends that it asked for, and is empty for any other job.
CREATE OR REPLACE VIEW sli_fallback AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(empty(instead_of)) AS good,
    toUInt64(1) AS total,
    JSONExtract(it.data, 'fallback', 'instead_of', 'Array(String)') AS instead_of
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
