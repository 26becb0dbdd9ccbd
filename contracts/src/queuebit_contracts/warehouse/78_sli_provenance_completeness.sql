-- All jobs that ended, at their end; good are those with a receipt whose statement has every required field, and names
-- the calibration of a result from a backend that was ever calibrated.
CREATE OR REPLACE VIEW sli_provenance_completeness AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(receipt.proven = 4 OR receipt.proven = 3 AND it.case_backend NOT IN (
        SELECT backend FROM calibrated_backends)) AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN (
    SELECT tenant, job, max(events.proven) AS proven
    FROM events
    WHERE type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2')
    GROUP BY tenant, job
) AS receipt ON receipt.tenant = it.tenant AND receipt.job = it.job
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1',
    'qb.job.expired.v1')
