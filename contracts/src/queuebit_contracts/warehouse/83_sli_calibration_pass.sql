-- Calibrations that were read, of all facts about reading one. The rows are the platform's: their tenant is empty.
--
-- No backend states a specification that its calibration must meet, so a calibration passes if it could be read. One that
-- was published again, as after a restart of its executor, is one case; a failure is stated once, until an attempt
-- succeeds or fails for another reason.
CREATE OR REPLACE VIEW sli_calibration_pass AS
WITH attempts AS (
    SELECT
        tenant,
        backend,
        min(least(event_time, stored_at)) AS at,
        countIf(type = 'qb.backend.calibrated.v1') > 0 AS passed,
        if(type = 'qb.backend.calibrated.v1', concat(JSONExtractString(data, 'digest'), JSONExtractString(data, 'calibrated_at')), event_id) AS attempt
    FROM events
    WHERE type IN ('qb.backend.calibrated.v1', 'qb.backend.calibration_failed.v1')
    GROUP BY tenant, backend, type, attempt
)
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    it.at AS at,
    toUInt64(it.passed) AS good,
    toUInt64(1) AS total
FROM attempts AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
