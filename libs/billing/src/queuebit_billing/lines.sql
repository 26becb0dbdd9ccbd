-- What each usage fact adds to the lines of an invoice: one row for each fact, price, component and unit price.
--
-- A fact is of the time that it says, or of the time that the log stored it if that is earlier: a clock that runs ahead
-- cannot move usage into a period that has not begun. A correction is of no earlier time than the bills before it. It
-- adds its own lines and takes back those of the bill before it; the first bill of its job says which day it is of.
--
-- Copies of a row are the same in all columns, because a row follows from its message in the log. So a filter may come
-- before FINAL drops copies, and only usage facts are read.
SELECT event_id, first_at, project, currency, price, component, unit, unit_price, quantity, amount
FROM
(
    SELECT
        event_id,
        at AS first_at,
        project,
        currency,
        line.1 AS price,
        line.2 AS component,
        line.3 AS unit,
        toDecimal256(line.4, 18) AS unit_price,
        toDecimal256(line.5, 18) AS quantity,
        toDecimal256(line.6, 18) AS amount
    FROM
    (
        SELECT
            event_id,
            project,
            least(event_time, stored_at) AS at,
            /*charge*/ AS charge,
            charge.2 AS currency,
            /*lines*/ AS line_items
        FROM events FINAL
        PREWHERE tenant = {tenant:String} AND seq <= {cut:UInt64}
            AND type IN ('qb.job.metered.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1', 'qb.reservation.metered.v1')
        WHERE job NOT IN (
                SELECT job FROM events
                WHERE tenant = {tenant:String} AND seq <= {cut:UInt64} AND type = 'qb.job.corrected.v1')
            AND at < {end:DateTime64(6, 'UTC')}
            AND NOT (at < {before_end:DateTime64(6, 'UTC')} AND seq <= {before_cut:UInt64})
    )
    ARRAY JOIN line_items AS line
    UNION ALL
    SELECT
        event_id,
        any(first_at) AS first_at,
        any(project) AS project,
        any(currency) AS currency,
        line.1 AS price,
        line.2 AS component,
        line.3 AS unit,
        toDecimal256(line.4, 18) AS unit_price,
        sum(sign * toDecimal256(line.5, 18)) AS quantity,
        sum(sign * toDecimal256(line.6, 18)) AS amount
    FROM
    (
        SELECT
            seq,
            event_id,
            first_value(project) OVER bills AS project,
            first_value(at) OVER bills AS first_at,
            max(at) OVER bills AS due_at,
            currency,
            arrayConcat(
                arrayMap(it -> (it, toInt8(1)), line_items),
                arrayMap(it -> (it, toInt8(-1)), lagInFrame(line_items) OVER bills)) AS changes
        FROM
        (
            SELECT
                seq,
                event_id,
                job,
                project,
                least(event_time, stored_at) AS at,
                /*charge*/ AS charge,
                charge.2 AS currency,
                /*lines*/ AS line_items
            FROM events FINAL
            PREWHERE tenant = {tenant:String} AND seq <= {cut:UInt64}
                AND type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
                AND job IN (
                    SELECT job FROM events
                    WHERE tenant = {tenant:String} AND seq <= {cut:UInt64} AND type = 'qb.job.corrected.v1')
        )
        WINDOW bills AS (PARTITION BY job ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    ARRAY JOIN changes.1 AS line, changes.2 AS sign
    WHERE due_at < {end:DateTime64(6, 'UTC')}
        AND NOT (due_at < {before_end:DateTime64(6, 'UTC')} AND seq <= {before_cut:UInt64})
    GROUP BY event_id, price, component, unit, unit_price
)
WHERE quantity != 0 OR amount != 0
