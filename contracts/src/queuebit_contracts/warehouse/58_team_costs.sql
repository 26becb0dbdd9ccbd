-- Cost of each team by month: a project of a tenant, with idle time and what its failed runs would have cost.
CREATE OR REPLACE VIEW team_costs AS
SELECT
    tenant,
    project,
    toStartOfMonth(day) AS month,
    currency,
    uniqExactIf(id, kind IN ('job', 'correction')) AS jobs,
    uniqExactIf(id, kind = 'job' AND state = 'completed') AS completed,
    uniqExactIf(id, kind = 'job' AND state = 'failed') AS failed,
    sum(charges.amount) AS amount,
    sumIf(charges.amount, component IN ('session_idle_second', 'reserved_idle_second')) AS idle,
    sumIf(charges.amount, kind = 'hybrid') AS classical,
    sum(toDecimal256(unbilled, 18) * toDecimal256(unit_price, 18)) AS overhead,
    if(completed = 0, NULL, sum(charges.amount) / completed) AS per_success
FROM charges
GROUP BY tenant, project, month, currency
