-- Charges shared out, so that each sum over this view is a part of one total: allocated + idle + overhead = total.
--
-- `allocated` was billed for work, `idle` for reserved time without a job. `overhead` was consumed and is billed to no
-- tenant, at its list price: runs that failed, and what exceeded the accepted size. A charge with several tags is shared
-- among them in equal parts of 18 or 36 decimal places; what the division leaves is a row of its own, tag `(rounding)`.
CREATE OR REPLACE VIEW allocation AS
WITH
    parts AS (
        SELECT
            seq, event_id, kind, day, event_time, tenant, project, user, session, id, label, circuit, backend, price,
            component, unit, currency,
            if(empty(tags), [''], tags) AS shared,
            arrayJoin([
                (if(component IN ('session_idle_second', 'reserved_idle_second'), 'idle', 'allocated'), billed, toDecimal256(amount, 36)),
                ('overhead', unbilled, toDecimal256(unbilled, 18) * toDecimal256(unit_price, 18))]) AS part
        FROM charges
    ),
    shares AS (
        SELECT
            * EXCEPT (part, shared),
            part.1 AS category,
            part.2 / length(shared) AS quantity_share,
            part.3 / length(shared) AS amount_share,
            arrayJoin(arrayConcat(
                arrayMap(it -> (it, quantity_share, amount_share), shared),
                [('(rounding)',
                    part.2 - quantity_share * length(shared), part.3 - amount_share * length(shared))])) AS share
        FROM parts
    )
SELECT
    seq, event_id, kind, day, event_time, tenant, project, user,
    share.1 AS tag,
    session, id, label, circuit, backend, category, price, component, unit,
    toDecimal128(share.2, 18) AS quantity,
    toDecimal256(share.3, 36) AS amount,
    currency
FROM shares
WHERE quantity != 0 OR amount != 0
