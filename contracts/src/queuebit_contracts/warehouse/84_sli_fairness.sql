-- The time that a tenant had on a backend in a day, beside its share of the time of all, while tenants competed for it.
--
-- Tenants compete while two or more have jobs that wait for the backend or run there, and at least one waits. A job waits
-- from its acceptance to its start, for the backend on which it ran; it runs until its end. In each such moment, the time
-- of all runs is shared among the tenants that wait or run, by the weight in the acceptances of their jobs.
CREATE OR REPLACE VIEW sli_fairness AS
WITH
    weights AS (
        SELECT tenant, job, argMax(JSONExtractUInt(data, 'share'), seq) AS weight
        FROM events
        WHERE type = 'qb.job.accepted.v1'
        GROUP BY tenant, job
    ),
    jobs_that_ran AS (
        SELECT
            it.tenant AS tenant, it.case_backend AS backend, toInt64(greatest(1, whose.weight)) AS weight,
            it.case_at AS ended_at,
            least(ended_at, parseDateTime64BestEffortOrNull(JSONExtractString(it.data, 'started_at'), 6, 'UTC')) AS began_at,
            least(began_at, parseDateTime64BestEffortOrNull(JSONExtractString(it.data, 'accepted_at'), 6, 'UTC')) AS came_at
        FROM events AS it FINAL
        LEFT ANY JOIN weights AS whose ON whose.tenant = it.tenant AND whose.job = it.job
        WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND it.case_backend != ''
            AND JSONExtractString(it.data, 'started_at') != '' AND JSONExtractString(it.data, 'accepted_at') != ''
    ),
    changes AS (
        SELECT
            backend, change.1 AS at,
            sumMap(map(tenant, toInt64(change.2))) AS waits,
            sumMap(map(tenant, toInt64(change.3))) AS runs,
            sumMap(map(tenant, toInt64((change.2 + change.3) * weight))) AS weighted
        FROM jobs_that_ran
        ARRAY JOIN [
            (assumeNotNull(came_at), 1, 0), (assumeNotNull(began_at), -1, 1), (ended_at, 0, -1)] AS change
        WHERE came_at IS NOT NULL
        GROUP BY backend, at
    ),
    slices AS (
        SELECT
            backend, at,
            leadInFrame(at, 1, at) OVER (PARTITION BY backend ORDER BY at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS until,
            sumMap(changes.waits) OVER (PARTITION BY backend ORDER BY at ROWS UNBOUNDED PRECEDING) AS waiting,
            sumMap(changes.runs) OVER (PARTITION BY backend ORDER BY at ROWS UNBOUNDED PRECEDING) AS running,
            sumMap(changes.weighted) OVER (PARTITION BY backend ORDER BY at ROWS UNBOUNDED PRECEDING) AS heavy
        FROM changes
    ),
    contended AS (
        SELECT
            backend, at, until, running, heavy, waiting,
            arrayFilter(it -> waiting[it] + running[it] > 0, arrayDistinct(arrayConcat(mapKeys(waiting), mapKeys(running))))
                AS present,
            dateDiff('microsecond', at, until) AS lasted_us,
            lasted_us * arraySum(it -> running[it], present) AS ran_us,
            arrayMap(it -> heavy[it] / (waiting[it] + running[it]), present) AS shares
        FROM slices
        WHERE length(present) >= 2 AND arraySum(it -> waiting[it], present) > 0 AND ran_us > 0
    )
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    any(whose.vendor) AS vendor,
    max(it.until) AS at,
    toUInt64(value >= 0.97 AND value <= 1.03) AS good,
    toUInt64(1) AS total,
    sum(it.used_us) / sum(it.entitled_us) AS value,
    sum(it.used_us) / 1000000 AS used_s,
    sum(it.entitled_us) / 1000000 AS entitled_s
FROM (
    SELECT
        backend, at, until, part.1 AS tenant,
        toFloat64(lasted_us * running[part.1]) AS used_us,
        ran_us * part.2 / arraySum(shares) AS entitled_us
    FROM contended
    ARRAY JOIN arrayZip(present, shares) AS part
) AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
GROUP BY it.backend, it.tenant, toDate(it.at)
