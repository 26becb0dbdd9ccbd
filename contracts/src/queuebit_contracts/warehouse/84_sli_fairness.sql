-- The time that a tenant had on a backend in a day, beside its share of the time of all, while tenants competed for it.
--
-- Tenants compete while two or more have jobs that wait for the backend or run there, and at least one waits. A job waits
-- from its acceptance to its start, for the backend on which it ran; it runs until its end. In each such moment, the time
-- of all runs is shared among the tenants that wait or run, by the mean weight in the acceptances of their jobs. A job that
-- was accepted more than 400 days before its end is no part of it.
--
-- A day is good if what a tenant had differs from its share by at most 3 % or by less than the longest run of the day, because a run is
-- not divided; or if the difference makes up for the rest of the day: less while others compete for a tenant that had more than that share
-- of all runs of the day, and more for one that had less.
--
-- A day has its changes in an array, `at`, and for each tenant what holds from each change to the next one, as arrays.
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
            toString(it.tenant) AS tenant, it.case_backend AS backend, toInt64(greatest(1, whose.weight)) AS weight,
            it.case_at AS ended_at,
            least(ended_at, parseDateTime64BestEffortOrZero(JSONExtractString(it.data, 'started_at'), 6, 'UTC')) AS began_at,
            least(began_at, parseDateTime64BestEffortOrZero(JSONExtractString(it.data, 'accepted_at'), 6, 'UTC')) AS came_at
        FROM events AS it FINAL
        LEFT ANY JOIN weights AS whose ON whose.tenant = it.tenant AND whose.job = it.job
        WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND it.case_backend != ''
            AND toUnixTimestamp64Micro(came_at) > 0 AND came_at > ended_at - INTERVAL 400 DAY
    ),
    parts AS (
        SELECT
            tenant, backend, weight, toDate(came_at) + shift AS day,
            toInt64(toUnixTimestamp(toDateTime(day, 'UTC'))) * 1000000 AS midnight,
            arrayMap(it -> greatest(midnight, least(midnight + 86400000000, toUnixTimestamp64Micro(it))),
                [came_at, began_at, ended_at]) AS at
        FROM jobs_that_ran
        ARRAY JOIN range(toUInt32(1 + dateDiff('day', toDate(came_at), toDate(ended_at)))) AS shift
    ),
    days AS (
        SELECT
            backend, day,
            max(at[3] - at[2]) AS longest_us,
            arraySort(it -> it.1, groupArrayArray([
                (at[1], tenant, toInt64(1), toInt64(0), weight), (at[2], tenant, toInt64(-1), toInt64(1), toInt64(0)),
                (at[3], tenant, toInt64(0), toInt64(-1), -weight)])) AS changes
        FROM parts
        GROUP BY backend, day
    ),
    each AS (
        SELECT
            backend, day, longest_us,
            changes.1 AS at,
            arrayPushBack(arrayMap((it, next) -> toFloat64(next - it), arrayPopBack(at), arrayPopFront(at)), toFloat64(0)) AS lasted_us,
            arrayCumSum(changes.3) AS waiting,
            arrayCumSum(changes.4) AS running,
            arrayDistinct(changes.2) AS tenants,
            arrayMap(whose -> (
                arrayCumSum(arrayMap((it, who) -> if(who = whose, it, 0), changes.4, changes.2)),
                arrayCumSum(arrayMap((wait, run, who) -> if(who = whose, wait + run, 0), changes.3, changes.4, changes.2)),
                arrayCumSum(arrayMap((it, who) -> if(who = whose, it, 0), changes.5, changes.2))), tenants) AS held,
            arrayMap(it -> arrayMap((heavy, jobs) -> if(jobs > 0, heavy / jobs, 0), it.3, it.2), held) AS shares,
            arrayReduce('sumForEach', shares) AS weighed,
            arrayReduce('sumForEach', arrayMap(it -> arrayMap(jobs -> toUInt8(jobs > 0), it.2), held)) AS present,
            arrayMap((lasted, waits, runs, number) -> if(number >= 2 AND waits > 0 AND runs > 0, lasted, 0),
                lasted_us, waiting, running, present) AS contended_us
        FROM days
    ),
    found AS (
        SELECT
            backend, day, longest_us, part.1 AS tenant,
            arraySum((us, runs) -> us * runs, contended_us, part.2.1) AS used_us,
            arraySum((us, runs, share, all) -> if(us > 0, us * runs * share / all, 0), contended_us, running, part.3, weighed)
                AS entitled_us,
            entitled_us / nullIf(arraySum((us, jobs, all) -> if(jobs > 0, us * all, 0), contended_us, part.2.2, running), 0)
                AS share,
            arraySum((us, runs) -> us * runs, lasted_us, part.2.1)
                / nullIf(share * arraySum((us, all) -> us * all, lasted_us, running), 0) AS of_day,
            arrayMax((it, us, jobs) -> if(us > 0 AND jobs > 0, toInt64(it + us) - 1, 0), at, contended_us, part.2.2) AS last_us
        FROM each
        ARRAY JOIN arrayZip(tenants, held, shares) AS part
    )
SELECT
    it.tenant AS tenant,
    '' AS project,
    '' AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    fromUnixTimestamp64Micro(it.last_us, 'UTC') AS at,
    toUInt64(value >= 0.97 AND value <= 1.03
        OR abs(it.used_us - it.entitled_us) < it.longest_us
        OR ifNull(if(value < 1, it.of_day >= 1, it.of_day <= 1), 0)) AS good,
    toUInt64(1) AS total,
    it.used_us / it.entitled_us AS value,
    it.used_us / 1000000 AS used_s,
    it.entitled_us / 1000000 AS entitled_s,
    ifNull(it.of_day, 0) AS of_day
FROM found AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
WHERE it.entitled_us > 0
