-- Repeated runs of one circuit on one backend: how far their shares are from the baseline, beyond shot noise, on one day.
--
-- The baseline of a run is the pool of all other runs of this circuit on this backend by this tenant, on its day and the 30
-- days before; at least four. With shares p of n shots and b of N shots in the baseline, the squared distance without
-- shot noise is sum (p - b)^2 - (1 - sum p^2) / (n - 1) - (1 - sum b^2) / (N - 1), whose mean is 0 if only shot noise is
-- there. `value` is the root of its mean over the runs of the day, relative to the length of b. `least` is the same of that
-- mean less six standard deviations that shot noise gives it, which are at most sqrt(2 sum b^2) / n for each run.
--
-- Counts are read from results that are within their event (up to 16 KiB), of jobs with one circuit.
CREATE OR REPLACE VIEW sli_variance AS
WITH
    circuits AS (
        SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
        FROM events
        WHERE type = 'qb.job.accepted.v1'
        GROUP BY tenant, job
    ),
    runs AS (
        SELECT
            it.tenant AS tenant,
            JSONExtractString(it.data, 'terms', 'project') AS project,
            JSONExtractString(it.data, 'workload_class') AS workload_class,
            it.backend AS backend,
            whose.circuit AS circuit,
            least(it.event_time, it.stored_at) AS at,
            JSONExtract(JSONExtractString(it.data, 'result', 'inline'), 'Map(String, UInt64)') AS counts,
            toFloat64(arraySum(mapValues(counts))) AS shots
        FROM events AS it FINAL
        INNER JOIN circuits AS whose ON whose.tenant = it.tenant AND whose.job = it.job
        WHERE it.type = 'qb.job.completed.v1'
            AND JSONExtractString(it.data, 'result', 'media_type') = 'application/json'
            AND shots > 1
    ),
    pools AS (
        SELECT
            tenant, backend, circuit, toDate(at) AS day,
            sumMap(counts) AS counts,
            count() AS number
        FROM runs
        GROUP BY tenant, backend, circuit, day
    ),
    baselines AS (
        SELECT
            tenant, backend, circuit, day,
            sumMap(pools.counts) OVER month AS counts,
            sum(pools.number) OVER month AS number
        FROM pools
        WINDOW month AS (PARTITION BY tenant, backend, circuit ORDER BY day RANGE BETWEEN 30 PRECEDING AND CURRENT ROW)
    ),
    compared AS (
        SELECT
            run.tenant AS tenant, run.project AS project, run.workload_class AS workload_class, run.backend AS backend,
            run.circuit AS circuit, base.day AS day, run.at AS at,
            toFloat64(arraySum(mapValues(base.counts))) - run.shots AS others,
            arrayMap(it -> (
                toFloat64(run.counts[it]) / run.shots,
                (toFloat64(base.counts[it]) - toFloat64(run.counts[it])) / others), mapKeys(base.counts)) AS shares,
            arraySum(it -> it.2 * it.2, shares) AS length,
            2 * length / (run.shots * run.shots) AS noise,
            arraySum(it -> (it.1 - it.2) * (it.1 - it.2), shares)
                - (1 - arraySum(it -> it.1 * it.1, shares)) / (run.shots - 1)
                - (1 - length) / (others - 1) AS excess
        FROM runs AS run
        INNER JOIN baselines AS base
            ON base.tenant = run.tenant AND base.backend = run.backend AND base.circuit = run.circuit
            AND base.day = toDate(run.at)
        WHERE base.number >= 5
    )
SELECT
    it.tenant AS tenant,
    it.project AS project,
    it.workload_class AS workload_class,
    it.backend AS backend,
    any(whose.vendor) AS vendor,
    max(it.at) AS at,
    toUInt64(value <= 0.05) AS good,
    toUInt64(1) AS total,
    sqrt(greatest(0, avg(it.excess)) / avg(it.length)) AS value,
    it.circuit AS circuit,
    count() AS jobs,
    sqrt(greatest(0, avg(it.excess) - 6 * sqrt(sum(it.noise)) / count()) / avg(it.length)) AS least
FROM compared AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
GROUP BY it.tenant, it.project, it.workload_class, it.backend, it.circuit, it.day
