-- Old jobs that were run again and have a result: good if the result is what the first one was, as far as shot noise lets it be seen.
--
-- `passed`: reproduced; `unclear`: consistent, since shot noise can explain the difference. The rows are the platform's: their
-- tenant is empty. One without a result is no case: its circuit may be why.
CREATE OR REPLACE VIEW sli_reproducibility AS
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    least(it.event_time, it.stored_at) AS at,
    toUInt64(JSONExtractString(it.data, 'state') IN ('passed', 'unclear')) AS good,
    toUInt64(1) AS total,
    JSONExtractString(it.data, 'rerun_of') AS job,
    JSONExtractUInt(it.data, 'fidelity_ppm') / 1000000 AS value
FROM events AS it FINAL
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
WHERE it.type = 'qb.probe.judged.v1'
    AND JSONExtractString(it.data, 'kind') = 'rerun'
    AND JSONExtractString(it.data, 'state') NOT IN ('failed', 'skipped')
