-- One row a vendor, period and currency: what the vendor's interface says that the period costs, and beside it what we charged
-- for jobs of the vendor that ended in it. Every aggregate ignores repeated rows. The vendor's number is the platform's: its
-- tenant is empty, so that row policies show it to no tenant. A period is a day or a month, as its
-- name says, and charges are joined by these names.
CREATE OR REPLACE VIEW vendor_costs AS
WITH
    stated AS (
        SELECT
            JSONExtractString(data, 'vendor') AS vendor,
            JSONExtractString(data, 'statement') AS period,
            argMax(parseDateTime64BestEffort(JSONExtractString(data, 'period_start'), 6, 'UTC'), seq) AS period_start,
            argMax(parseDateTime64BestEffort(JSONExtractString(data, 'period_end'), 6, 'UTC'), seq) AS period_end,
            argMax(JSONExtract(data, 'amounts', 'Array(Tuple(currency String, amount String))'), seq) AS amounts,
            argMax(JSONExtract(data, 'backends', 'Array(String)'), seq) AS backends,
            max(stored_at) AS changed_at
        FROM events
        WHERE type = 'qb.bill.read.v1' AND tenant = ''
        GROUP BY vendor, period
    ),
    sides AS (
        SELECT
            vendor, period, period_start, period_end, changed_at, amount.1 AS currency,
            toDecimal128(amount.2, 18) AS billed, toDecimal128(0, 18) AS own, 0 AS jobs
        FROM stated ARRAY JOIN amounts AS amount
        UNION ALL
        SELECT
            vendor, period, period_start, period_end, changed_at, ours.currency AS currency,
            toDecimal128(0, 18) AS billed, ours.amount AS own, 1 AS jobs
        FROM stated
        INNER JOIN
        (
            SELECT
                vendor_charges.backend AS backend,
                vendor_charges.currency AS currency,
                vendor_charges.amount AS amount,
                arrayJoin([
                    formatDateTime(assumeNotNull(vendor_charges.ended_at), '%Y-%m-%d'),
                    formatDateTime(assumeNotNull(vendor_charges.ended_at), '%Y-%m')]) AS period
            FROM vendor_charges
            WHERE vendor_charges.currency != '' AND vendor_charges.ended_at IS NOT NULL
        ) AS ours USING (period)
        WHERE arrayExists(it -> like(ours.backend, replaceAll(it, '*', '%')), backends)
    )
SELECT
    '' AS tenant,
    vendor,
    period,
    period_start,
    period_end,
    currency,
    sum(sides.billed) AS billed,
    sum(sides.own) AS own,
    billed - own AS difference,
    sum(sides.jobs) AS jobs,
    max(sides.changed_at) AS changed_at
FROM sides
GROUP BY vendor, period, period_start, period_end, currency
