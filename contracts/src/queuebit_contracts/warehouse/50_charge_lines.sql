-- One row a line of a bill: of jobs, of the idle time of sessions, of the own time of hybrid jobs, of reservations,
-- and of corrections.
--
-- A correction has a row for each line that it changes, with the signed difference to the bill before it, so that the sum
-- of `amount` is what was charged. An amount that no line explains is a row of the component `other`.
CREATE OR REPLACE VIEW charge_lines AS
WITH
    bills AS (
        SELECT
            seq, event_id, type, stored_at, event_time, tenant, project, splitByChar('.', subject)[4] AS id, backend,
            JSONExtract(data, 'Tuple(
                state String, revision UInt32, final Nullable(Bool), ended_at String, closed_at String,
                charge Tuple(amount String, currency String, lines Array(Tuple(
                    price String, component String, unit String, consumed String, billed String, unit_price String,
                    amount String, credits Tuple(unit String, amount String)))))') AS bill,
            if(bill.closed_at = '', bill.ended_at, bill.closed_at) AS ended,
            toDecimal128OrZero(bill.charge.amount, 18) AS total,
            arrayMap(it -> (
                (it.price, it.component, it.unit, toDecimal128OrZero(it.unit_price, 18), it.credits.unit),
                toDecimal128OrZero(it.consumed, 18),
                toDecimal128OrZero(it.billed, 18),
                greatest(toDecimal128OrZero(it.consumed, 18) - toDecimal128OrZero(it.billed, 18), toDecimal128(0, 18)),
                toDecimal128OrZero(it.amount, 18),
                toDecimal128OrZero(it.credits.amount, 18)), bill.charge.lines) AS lines
        FROM events
        WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1',
            'qb.reservation.metered.v1')
        LIMIT 1 BY seq
    ),
    histories AS (
        SELECT
            tenant, id,
            arraySort(it -> it.1, groupArray((seq, event_id, type, stored_at, event_time, project, backend,
                bill.state, bill.revision, bill.final, ended, bill.charge.currency, total, lines))) AS history
        FROM bills
        WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
            AND (tenant, id) IN (SELECT tenant, job FROM events WHERE type = 'qb.job.corrected.v1')
        GROUP BY tenant, id
    ),
    changes AS (
        SELECT
            seq, event_id, type, stored_at, event_time, tenant, project, id, backend,
            bill.state AS state, bill.revision AS revision, bill.final AS final, ended,
            bill.charge.currency AS currency, total, lines
        FROM bills
        WHERE type != 'qb.job.corrected.v1'
        UNION ALL
        SELECT
            history[at].1, history[at].2, history[at].3, history[at].4, history[at].5, tenant, history[at].6, id,
            history[at].7, history[1].8, history[at].9, history[at].10, history[1].11, history[at].12,
            history[at].13 - history[at - 1].13,
            arrayConcat(history[at].14, arrayMap(it -> (it.1, -it.2, -it.3, -it.4, -it.5, -it.6), history[at - 1].14))
        FROM (SELECT tenant, id, history, arrayJoin(arrayEnumerate(history)) AS at FROM histories)
        WHERE history[at].3 = 'qb.job.corrected.v1'
    ),
    named AS (
        SELECT
            * EXCEPT (lines, total),
            total - arraySum(it -> it.5, lines) AS rest,
            if(rest = 0, [], [('', 'other', '', toDecimal128(0, 18), '')]) AS unexplained,
            arrayJoin(arrayConcat(arrayDistinct(arrayMap(it -> it.1, lines)), unexplained)) AS line,
            line.2 = 'other' AND line.1 = '' AS is_rest,
            arraySum(it -> if(it.1 = line, it.2, toDecimal128(0, 18)), lines) AS consumed,
            arraySum(it -> if(it.1 = line, it.3, toDecimal128(0, 18)), lines) AS billed,
            arraySum(it -> if(it.1 = line, it.4, toDecimal128(0, 18)), lines) AS unbilled,
            if(is_rest, rest, arraySum(it -> if(it.1 = line, it.5, toDecimal128(0, 18)), lines)) AS amount,
            arraySum(it -> if(it.1 = line, it.6, toDecimal128(0, 18)), lines) AS credits
        FROM changes
    )
SELECT
    seq,
    event_id,
    multiIf(
        type = 'qb.job.corrected.v1', 'correction',
        type = 'qb.job.metered.v1', 'job',
        type = 'qb.session.metered.v1', 'idle',
        type = 'qb.reservation.metered.v1', 'reservation',
        'hybrid') AS kind,
    stored_at,
    event_time,
    parseDateTime64BestEffortOrNull(ended, 6, 'UTC') AS ended_at,
    tenant,
    project,
    id,
    backend,
    state,
    revision,
    NOT ifNull(final, true) AS provisional,
    line.1 AS price,
    line.2 AS component,
    line.3 AS unit,
    toDecimal128(consumed, 18) AS consumed,
    toDecimal128(billed, 18) AS billed,
    toDecimal128(unbilled, 18) AS unbilled,
    line.4 AS unit_price,
    toDecimal128(amount, 18) AS amount,
    currency,
    toDecimal128(credits, 18) AS credits,
    line.5 AS credit_unit
FROM named
WHERE type != 'qb.job.corrected.v1' OR consumed != 0 OR billed != 0 OR unbilled != 0 OR amount != 0
