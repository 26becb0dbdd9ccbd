-- Completed jobs whose placement says what was expected; good are those that took less than twice as long.
CREATE OR REPLACE VIEW sli_end_to_end_relative AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(assumeNotNull(it.latency_percent) < 200) AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type = 'qb.job.completed.v1' AND it.latency_percent IS NOT NULL
