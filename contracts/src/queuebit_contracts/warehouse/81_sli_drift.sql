-- Trends: each day of a circuit on a backend against the four weeks before, and each calibration against the ones before.
--
-- A circuit: its quality is the share of shots with the outcomes that the reference has more often than uniform noise does.
-- The last three days with runs are compared with the 28 days before them, at least seven of which have runs. The
-- change is a lower bound (95 %) of the Hellinger infidelity, with the overdispersion of the daily shares of the
-- reference; the limit is 0.002. Whole days are compared, so that the hour of the day is no drift.
--
-- A value of a calibration: the least of the newest three, so that one bad calibration is no drift, against the median of
-- the 14 before, at least seven; the limit is a factor of 1.3. A calibration that was published again counts once. Qubits and
-- couplers are read from snapshots that are within their event (up to 16 KiB), the medians of the device always.
--
-- `value` is the change over its limit: 1 or less is good.
CREATE OR REPLACE VIEW sli_drift AS
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
            JSONExtract(JSONExtractString(it.data, 'result', 'inline'), 'Map(String, UInt64)') AS counts
        FROM events AS it FINAL
        INNER JOIN circuits AS whose ON whose.tenant = it.tenant AND whose.job = it.job
        WHERE it.type = 'qb.job.completed.v1'
            AND JSONExtractString(it.data, 'result', 'media_type') = 'application/json'
            AND notEmpty(counts)
    ),
    days AS (
        SELECT
            tenant, project, workload_class, backend, circuit, toDate(at) AS day,
            max(runs.at) AS last,
            sumMap(runs.counts) AS pool
        FROM runs
        GROUP BY tenant, project, workload_class, backend, circuit, day
    ),
    windows AS (
        SELECT
            tenant, project, workload_class, backend, circuit, last, day,
            groupArray((day, pool)) OVER (
                PARTITION BY tenant, project, workload_class, backend, circuit
                ORDER BY day RANGE BETWEEN 60 PRECEDING AND CURRENT ROW) AS known,
            arraySlice(known, -3) AS newest,
            arrayFilter(it -> it.1 >= newest[1].1 - 28 AND it.1 < newest[1].1, known) AS earlier,
            sumMap(pool) OVER (
                PARTITION BY tenant, project, workload_class, backend, circuit
                ORDER BY day RANGE BETWEEN 60 PRECEDING AND CURRENT ROW) AS outcomes
        FROM days
    ),
    heavy AS (
        SELECT
            *,
            toFloat64(arraySum(it -> arraySum(mapValues(it.2)), earlier)) AS shots,
            arrayFilter(
                outcome -> toFloat64(arraySum(it -> it.2[outcome], earlier)) * exp2(length(outcome)) > shots,
                mapKeys(outcomes)) AS right
        FROM windows
        WHERE length(newest) = 3 AND length(earlier) >= 7
    ),
    shares AS (
        SELECT
            *,
            arrayMap(it -> (
                toFloat64(arraySum(outcome -> it.2[outcome], right)), toFloat64(arraySum(mapValues(it.2)))), earlier) AS daily,
            arraySum(it -> it.1, daily) / shots AS before,
            toFloat64(arraySum(it -> arraySum(mapValues(it.2)), newest)) AS fresh,
            toFloat64(arraySum(it -> arraySum(outcome -> it.2[outcome], right), newest)) / fresh AS after,
            greatest(1, arraySum(it -> it.2 * (it.1 / it.2 - before) * (it.1 / it.2 - before), daily)
                / greatest(1e-9, before * (1 - before)) / (length(daily) - 1)) AS phi,
            abs(asin(sqrt(before)) - asin(sqrt(after))) - 1.645 * sqrt(phi / 4 * (1 / shots + 1 / fresh)) AS angle
        FROM heavy
        WHERE notEmpty(right)
    ),
    calibrations AS (
        SELECT
            backend,
            parseDateTime64BestEffortOrNull(JSONExtractString(data, 'calibrated_at'), 6, 'UTC') AS calibrated_at,
            min(least(event_time, stored_at)) AS at,
            argMin(data, seq) AS first
        FROM events
        WHERE type = 'qb.backend.calibrated.v1' AND calibrated_at IS NOT NULL
        GROUP BY backend, calibrated_at
    ),
    parts AS (
        SELECT
            backend, calibrated_at, at,
            JSONExtractString(first, 'snapshot', 'inline') AS snapshot,
            JSONExtractArrayRaw(snapshot, 'qubits') AS qubits,
            arrayJoin(arrayFilter(it -> it.3 > 0, arrayConcat(
                [('two_qubit_error', 'median', JSONExtractFloat(first, 'median_two_qubit_error_ppm') / 1000000),
                 ('readout_error', 'median', JSONExtractFloat(first, 'median_readout_error_ppm') / 1000000)],
                arrayMap((it, at) -> ('readout_error', concat('q', toString(at - 1)), JSONExtractFloat(it, 'readout_error')),
                    qubits, arrayEnumerate(qubits)),
                arrayMap((it, at) -> ('gate_error', concat('q', toString(at - 1)), JSONExtractFloat(it, 'gate_error')),
                    qubits, arrayEnumerate(qubits)),
                arrayMap(it -> ('two_qubit_error', concat('q', toString(JSONExtractUInt(it, 'qubits', 1)),
                    '-q', toString(JSONExtractUInt(it, 'qubits', 2))), JSONExtractFloat(it, 'error')),
                    JSONExtractArrayRaw(snapshot, 'couplers'))))) AS part
        FROM calibrations
    ),
    trends AS (
        SELECT
            backend, at, part.1 AS measure, part.2 AS place,
            groupArray(part.3) OVER (
                PARTITION BY backend, part.1, part.2 ORDER BY calibrated_at
                ROWS BETWEEN 16 PRECEDING AND CURRENT ROW) AS errors,
            arraySlice(errors, -3) AS newest,
            arraySlice(errors, 1, length(errors) - 3) AS earlier
        FROM parts
    ),
    found AS (
        SELECT
            tenant, project, workload_class, backend, last AS at, 'quality' AS measure, circuit AS part,
            pow(sin(greatest(0, angle)), 2) / 0.002 * (after < before) AS value
        FROM shares
        UNION ALL
        SELECT
            '', '', '', backend, at, measure, place,
            arrayMin(newest) / arrayReduce('median', earlier) / 1.3
        FROM trends
        WHERE length(earlier) >= 7
    )
SELECT
    it.tenant AS tenant,
    it.project AS project,
    it.workload_class AS workload_class,
    it.backend AS backend,
    whose.vendor AS vendor,
    it.at AS at,
    toUInt64(it.value <= 1) AS good,
    toUInt64(1) AS total,
    toFloat64(it.value) AS value,
    it.measure AS measure,
    it.part AS part
FROM found AS it
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.backend
