-- Completed jobs that name a calibration, at their end: good if it was at most 24 hours old when the job started.
--
-- A job whose calibration is in no fact has an unknown age, and is not good. Jobs on emulated devices are no cases: their
-- calibration is a recording. `cadence_s` is the median time between the calibrations of the backend, if there are three.
-- Who sees no calibrations at all, as a tenant does, sees no rows: the ages would all be unknown.
CREATE OR REPLACE VIEW sli_calibration_freshness AS
WITH
    kinds AS (
        SELECT backend, argMax(JSONExtractString(data, 'kind'), seq) AS kind
        FROM events
        WHERE about_backend = 1 AND type = 'qb.backend.registered.v1'
        GROUP BY backend
    ),
    calibrations AS (
        SELECT
            backend,
            JSONExtractString(data, 'digest') AS digest,
            max(parseDateTime64BestEffortOrNull(JSONExtractString(data, 'calibrated_at'), 6, 'UTC')) AS calibrated_at
        FROM events
        WHERE about_backend = 1 AND type = 'qb.backend.calibrated.v1'
        GROUP BY backend, digest
    ),
    cadences AS (
        SELECT
            backend,
            arraySort(groupUniqArray(toFloat64(calibrated_at))) AS moments,
            arrayPopFront(arrayDifference(moments)) AS steps,
            if(length(steps) < 2, NULL, arrayReduce('median', steps)) AS cadence_s
        FROM calibrations
        WHERE calibrated_at IS NOT NULL
        GROUP BY backend
    )
SELECT
    it.tenant AS tenant,
    JSONExtractString(it.data, 'terms', 'project') AS project,
    JSONExtractString(it.data, 'workload_class') AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    least(it.event_time, it.stored_at) AS at,
    toUInt64(ifNull(age_s <= 86400, false)) AS good,
    toUInt64(1) AS total,
    if(used.digest = '', NULL, dateDiff('millisecond', used.calibrated_at,
        parseDateTime64BestEffortOrNull(JSONExtractString(it.data, 'started_at'), 6, 'UTC')) / 1000) AS age_s,
    rhythm.cadence_s AS cadence_s
FROM events AS it FINAL
LEFT ANY JOIN calibrations AS used
    ON used.backend = it.backend AND used.digest = JSONExtractString(it.data, 'calibration')
LEFT ANY JOIN cadences AS rhythm ON rhythm.backend = it.backend
LEFT ANY JOIN kinds AS sort ON sort.backend = it.backend
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
WHERE it.type = 'qb.job.completed.v1'
    AND JSONExtractString(it.data, 'calibration') != ''
    AND sort.kind != 'emulated'
    AND (SELECT count() FROM calibrations) > 0
