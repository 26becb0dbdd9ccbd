-- Month to date and what the month will cost, two ways, from charges of the last months.
--
-- `linear`: to date, times the length of the month by the time elapsed. `burn`: to date, and for the days that are left the
-- mean of the last seven days. Both are estimates; times are UTC.
CREATE OR REPLACE VIEW forecasts AS
WITH
    toStartOfMonth(now('UTC')) AS month_begin,
    addMonths(month_begin, 1) AS month_end,
    toDateTime(month_begin, 'UTC') AS begin_at,
    toDateTime(month_end, 'UTC') AS end_at
SELECT
    tenant,
    project,
    month_begin AS month,
    currency,
    sumIf(charges.amount, event_time >= begin_at) AS to_date,
    sumIf(charges.amount, event_time >= begin_at - INTERVAL 1 MONTH AND event_time < begin_at) AS month_before,
    toDecimal128(sumIf(charges.amount, event_time >= now('UTC') - INTERVAL 7 DAY) / 7, 18) AS daily_burn,
    toDecimal128(
        to_date * dateDiff('second', begin_at, end_at) / greatest(dateDiff('second', begin_at, now('UTC')), 1),
        18) AS linear,
    toDecimal128(to_date + daily_burn * dateDiff('second', now('UTC'), end_at) / 86400, 18) AS burn
FROM charges
WHERE event_time >= begin_at - INTERVAL 1 MONTH AND event_time < now('UTC')
GROUP BY tenant, project, currency
