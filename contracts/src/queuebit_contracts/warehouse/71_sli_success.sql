-- Jobs that completed or failed, at their end; good are those whose result passed its quality check, or has none.
--
-- `at` is the earlier of what the author says and when the log stored it: a clock in the future hides no case, and a
-- late event counts in the window that it belongs to.
CREATE OR REPLACE VIEW sli_success AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(it.usable) AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
