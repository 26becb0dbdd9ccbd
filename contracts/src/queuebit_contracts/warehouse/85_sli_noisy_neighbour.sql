-- Whether the results of a tenant were worse in hours in which another one was active on the same control electronics.
--
-- A case is a day of a tenant on a backend with a control group, beside one other tenant that ran in that group: the hours of
-- the week until the end of the day. The fidelity of an hour is the mean of its runs, each compared with the pool of the
-- other runs of its circuit on its day (Hellinger). `value` is the mean of hours without the other tenant, less that of
-- hours with it; `chance` is how often it is as large if the other's hours are rotated, as `queuebit_slo.neighbours` says.
CREATE OR REPLACE VIEW sli_noisy_neighbour AS
WITH
    groups AS (
        SELECT backend, JSONExtractString(data, 'control_group') AS control_group
        FROM events
        WHERE about_backend = 1 AND type = 'qb.backend.registered.v1'
        ORDER BY seq DESC
        LIMIT 1 BY backend
    ),
    circuits AS (
        SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
        FROM events
        WHERE type = 'qb.job.accepted.v1'
        GROUP BY tenant, job
    ),
    ended AS (
        SELECT
            it.tenant AS tenant, it.job AS job, it.case_backend AS backend, own.control_group AS control_group,
            it.case_at AS at,
            least(at, ifNull(
                parseDateTime64BestEffortOrNull(JSONExtractString(it.data, 'started_at'), 6, 'UTC'), at)) AS began,
            JSONExtract(JSONExtractString(it.data, 'result', 'inline'), 'Map(String, UInt64)') AS counts,
            toFloat64(arraySum(mapValues(counts))) AS shots
        FROM events AS it FINAL
        INNER JOIN groups AS own ON own.backend = it.case_backend
        WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND own.control_group != ''
    ),
    runs AS (
        SELECT it.tenant AS tenant, it.backend AS backend, it.control_group AS control_group, whose.circuit AS circuit,
            it.at AS at, it.began AS began, it.counts AS counts, it.shots AS shots
        FROM ended AS it
        INNER JOIN circuits AS whose ON whose.tenant = it.tenant AND whose.job = it.job
        WHERE it.shots > 1
    ),
    pools AS (
        SELECT tenant, backend, circuit, toDate(at) AS day, sumMap(runs.counts) AS counts, count() AS number
        FROM runs
        GROUP BY tenant, backend, circuit, day
    ),
    hours AS (
        SELECT
            run.tenant AS tenant, run.backend AS backend, run.control_group AS control_group,
            toStartOfHour(run.began) AS hour, max(run.at) AS last,
            avg(pow(arraySum(it -> sqrt(
                toFloat64(run.counts[it]) / run.shots
                * (toFloat64(pool.counts[it]) - toFloat64(run.counts[it]))
                / (toFloat64(arraySum(mapValues(pool.counts))) - run.shots)), mapKeys(pool.counts)), 2)) AS fidelity
        FROM runs AS run
        INNER JOIN pools AS pool ON pool.tenant = run.tenant AND pool.backend = run.backend
            AND pool.circuit = run.circuit AND pool.day = toDate(run.at)
        WHERE pool.number >= 5
        GROUP BY tenant, backend, control_group, hour
    ),
    weeks AS (
        SELECT
            tenant, backend, control_group, toDate(hour) + shift AS day, groupArray((hour, fidelity)) AS known,
            maxIf(last, shift = 0) AS newest
        FROM hours
        ARRAY JOIN range(7) AS shift
        GROUP BY tenant, backend, control_group, day
        HAVING countIf(shift = 0) > 0
    ),
    active AS (
        SELECT tenant, control_group, toDate(hour) + shift AS day, groupUniqArray(hour) AS busy
        FROM (
            SELECT
                tenant, control_group,
                arrayJoin(arrayMap(it -> toStartOfHour(began) + toIntervalHour(it),
                    range(least(168, 1 + dateDiff('hour', toStartOfHour(began), toStartOfHour(at)))))) AS hour
            FROM ended
        )
        ARRAY JOIN range(7) AS shift
        GROUP BY tenant, control_group, day
    ),
    pairs AS (
        SELECT
            it.tenant AS tenant, it.backend AS backend, it.control_group AS control_group, other.tenant AS neighbour,
            it.newest AS newest,
            arrayMap(at -> toDateTime(it.day - 6, 'UTC') + toIntervalHour(at), range(168)) AS week,
            arrayMap(at -> toFloat64(has(it.known.1, at)), week) AS measured,
            arrayMap(at -> arrayFirst(pair -> pair.1 = at, it.known).2, week) AS fidelity,
            arrayMap(at -> toFloat64(has(other.busy, at)), week) AS busy,
            arraySum(measured) AS number,
            arraySum(fidelity) AS whole
        FROM weeks AS it
        INNER JOIN active AS other ON other.control_group = it.control_group AND other.day = it.day
        WHERE other.tenant != it.tenant
    ),
    tested AS (
        SELECT
            *,
            arrayMap(shift -> (
                arraySum((known, on) -> known * on, measured, arrayRotateLeft(busy, shift)),
                arraySum((value, on) -> value * on, fidelity, arrayRotateLeft(busy, shift))), range(168)) AS rotated,
            arrayMap(
                it -> if(it.1 >= 3 AND number - it.1 >= 3, (whole - it.2) / (number - it.1) - it.2 / it.1, -2), rotated)
                AS drops
        FROM pairs
    )
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    it.newest AS at,
    toUInt64(NOT (value >= 0.02 AND chance < 0.01)) AS good,
    toUInt64(1) AS total,
    it.drops[1] AS value,
    arrayCount(drop -> drop >= it.drops[1] - 1e-12, it.drops) / 168 AS chance,
    it.neighbour AS neighbour,
    it.control_group AS control_group
FROM tested AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
WHERE it.drops[1] > -2
