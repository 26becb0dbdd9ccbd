-- A day's spend against the tenant's own last 28 days: robust z-scores by median and MAD (Iglewicz and Hoaglin, 1993).
--
-- Only days with charges count, and at least seven of them: with fewer, `z` is NULL. The scale is at least 5 % of the median, so
-- that a tenant with equal days is not flagged for a small change. Flagged: z above 3.5.
CREATE OR REPLACE VIEW anomalies AS
WITH
    days AS (
        SELECT tenant, currency, day, sum(charges.amount) AS spent
        FROM charges
        GROUP BY tenant, currency, day
        HAVING spent > 0
    ),
    histories AS (
        SELECT
            tenant, currency, day, spent,
            arraySort(groupArray(spent) OVER (
                PARTITION BY tenant, currency ORDER BY day RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING)) AS history,
            length(history) AS known_days,
            if(known_days = 0, toDecimal128(0, 18),
                (history[intDiv(known_days + 1, 2)] + history[intDiv(known_days + 2, 2)]) / 2) AS middle,
            arraySort(arrayMap(it -> abs(it - middle), history)) AS distances,
            if(known_days = 0, toDecimal128(0, 18),
                (distances[intDiv(known_days + 1, 2)] + distances[intDiv(known_days + 2, 2)]) / 2) AS spread,
            greatest(spread, middle / 20) AS scale
        FROM days
    )
SELECT
    tenant,
    currency,
    day,
    spent AS amount,
    known_days,
    middle AS median,
    spread AS mad,
    if(known_days < 7 OR scale = 0, NULL, 0.6745 * toFloat64(spent - middle) / toFloat64(scale)) AS z,
    ifNull(z > 3.5, false) AS is_anomaly
FROM histories
