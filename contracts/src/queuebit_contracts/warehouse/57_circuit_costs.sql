-- Cost of each circuit on each backend, by month: per job, per success, and per successful shot expected of its fidelity.
--
-- `good_shots` is the sum of shots × estimated probability of success, of jobs where that is known.
CREATE OR REPLACE VIEW circuit_costs AS
SELECT
    tenant,
    project,
    toStartOfMonth(day) AS month,
    circuit,
    any(label) AS label,
    backend,
    currency,
    count() AS jobs,
    countIf(state = 'completed') AS completed,
    countIf(state = 'failed') AS failed,
    sumIf(job_costs.shots, state = 'completed') AS shots,
    sum(job_costs.amount) AS amount,
    if(completed = 0, NULL, sum(job_costs.amount) / completed) AS per_success,
    toUInt32OrNull(toString(round(avgIf(job_costs.esp_ppm, state = 'completed')))) AS esp_ppm,
    toDecimal128(sumIf(job_costs.shots * ifNull(job_costs.esp_ppm, 0), state = 'completed'), 6) / 1000000 AS good_shots,
    if(good_shots = 0, NULL,
        toDecimal128(sumIf(job_costs.amount, state = 'completed' AND job_costs.esp_ppm IS NOT NULL) / good_shots, 18))
        AS per_good_shot
FROM job_costs
WHERE circuit != ''
GROUP BY tenant, project, month, circuit, backend, currency
