-- What was used: one row a measure of a job, hybrid job, session or reservation, as its newest bill says it. No sampling.
--
-- Requested, consumed and billed are kept apart: NULL where a request or a bill says nothing of the measure.
CREATE OR REPLACE VIEW usage AS
WITH
    bills AS (
        SELECT
            tenant,
            splitByChar('.', subject)[4] AS id,
            argMax((type, event_time, project, backend), seq) AS about,
            argMax(
                JSONExtract(data, 'Tuple(
                    idle_s Nullable(UInt64), used_s UInt64, unavailable_s UInt64,
                    charge Tuple(lines Array(Tuple(component String, billed String))),
                    usage Tuple(
                        shots UInt64, qpu_us UInt64, qubits UInt64, final Nullable(Bool), time_us UInt64,
                        processor_us UInt64, most_memory_bytes UInt64,
                        measures Array(Tuple(metric String, quantity String, unit String, final Nullable(Bool)))))'),
                seq) AS bill,
            argMin(JSONExtract(data, 'Tuple(state String, ended_at String, closed_at String)'), seq) AS ended
        FROM events
        WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1',
            'qb.reservation.metered.v1')
        GROUP BY tenant, id
    ),
    measured AS (
        SELECT
            tenant, id, about.1 AS type, about.2 AS event_time, about.3 AS project, about.4 AS backend, bill, ended,
            multiIf(
                type = 'qb.session.metered.v1', [('idle-time', 'second', toString(ifNull(bill.idle_s, 0)), true)],
                type = 'qb.reservation.metered.v1', [
                    ('used-time', 'second', toString(bill.used_s), true),
                    ('reserved-idle-time', 'second', toString(ifNull(bill.idle_s, 0)), true),
                    ('unavailable-time', 'second', toString(bill.unavailable_s), true)],
                type = 'qb.hybrid.metered.v1', [
                    ('time', 'microsecond', toString(bill.usage.time_us), true),
                    ('cpu-time', 'microsecond', toString(bill.usage.processor_us), true),
                    ('memory-time', 'GiB-second', toString(
                        toDecimal128(bill.usage.most_memory_bytes, 12) / 1073741824
                        * (toDecimal128(bill.usage.time_us, 6) / 1000000)), true)],
                notEmpty(bill.usage.measures), arrayMap(
                    it -> (it.metric, it.unit, it.quantity, ifNull(it.final, true)), bill.usage.measures),
                [
                    ('shots', 'shot', toString(bill.usage.shots), ifNull(bill.usage.final, true)),
                    ('qpu-time', 'microsecond', toString(bill.usage.qpu_us), ifNull(bill.usage.final, true)),
                    ('qubits', 'qubit', toString(bill.usage.qubits), ifNull(bill.usage.final, true))]) AS said,
            arrayFirst(it -> it.1 = 'qpu-time' AND it.2 = 'microsecond', said) AS run,
            arrayFirst(it -> it.1 = 'qubits' AND it.2 = 'qubit', said) AS width,
            arrayConcat(said, if(run.3 = '' OR width.3 = '', [], [('qubit-time', 'qubit-microsecond',
                toString(toDecimal128OrZero(run.3, 6) * toDecimal128OrZero(width.3, 0)), run.4 AND width.4)])) AS measures
        FROM bills
    ),
    rows AS (
        SELECT
            * EXCEPT (said, measures),
            arrayJoin(measures) AS measure,
            transform(
                measure.1,
                ['tasks', 'shots', 'qpu-time', 'qubit-time', 'gates-1q', 'gates-2q', 'measurements', 'idle-time', 'time',
                    'used-time', 'reserved-idle-time'],
                ['task', 'shot', 'second', 'qubit_second', 'gate_1q', 'gate_2q', 'measurement', 'session_idle_second',
                    'classical_second', 'reserved_second', 'reserved_idle_second'],
                '') AS component,
            if(measure.2 LIKE '%microsecond', 1000000, 1) AS scale,
            arrayMap(
                it -> toDecimal128OrZero(it.billed, 18), arrayFilter(it -> it.component = component, bill.charge.lines)
            ) AS billed_lines
        FROM measured
    ),
    arrayFirst(it -> it.backend = r.backend, request.candidates).qpu_us AS run_us
SELECT
    r.tenant AS tenant,
    r.project AS project,
    origin.user AS user,
    origin.tags AS tags,
    origin.session AS session,
    r.id AS id,
    splitByChar('.', r.type)[2] AS kind,
    if(r.backend = '', origin.session_backend, r.backend) AS backend,
    r.ended.state AS state,
    r.event_time AS event_time,
    parseDateTime64BestEffortOrNull(
        if(r.ended.closed_at = '', r.ended.ended_at, r.ended.closed_at), 6, 'UTC') AS ended_at,
    r.measure.1 AS metric,
    r.measure.2 AS unit,
    multiIf(
        request.circuit = '', NULL,
        metric = 'shots', toDecimal128(request.shots, 18),
        metric = 'qpu-time', toDecimal128(run_us, 18),
        metric = 'qubits', toDecimal128(request.qubits, 18),
        metric = 'qubit-time', toDecimal128(run_us * request.qubits, 18),
        NULL) AS requested,
    toDecimal128OrZero(r.measure.3, 18) AS consumed,
    if(empty(r.billed_lines), NULL, toDecimal128(arraySum(r.billed_lines) * r.scale, 18)) AS billed,
    r.measure.4 AS final
FROM rows AS r
LEFT ANY JOIN origins AS origin ON origin.tenant = r.tenant AND origin.id = r.id
LEFT ANY JOIN requests AS request ON request.tenant = r.tenant AND request.id = r.id
