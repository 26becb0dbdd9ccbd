-- What would have saved money in the last 90 days, each with its sum. An estimate from past charges, not a promise.
--
-- `cheaper-backend`: another backend completed the same circuit with the same or a higher estimated probability of success, for
-- less a shot. `idle-session`: reserved time without a job. `too-many-shots`: the tag `precision-<n>ppm` asks for a standard
-- error of n millionths, which takes 1 / error² shots. `failed-and-billed`: runs that ended at their limit.
CREATE OR REPLACE VIEW advice AS
WITH
    runs AS (
        SELECT
            *,
            toUInt64OrZero(
                extract(arrayFirst(it -> match(it, '^precision-[1-9][0-9]{0,5}ppm$'), tags), '([0-9]+)ppm')) AS ppm,
            toUInt64(ceil(1e12 / greatest(ppm * ppm, 1))) AS needed,
            state = 'completed' AND shots > 0 AS useful,
            useful AND ppm > 0 AND shots > needed AS generous,
            state = 'failed' AND job_costs.amount > 0 AS lost
        FROM job_costs
        WHERE ended_at >= now('UTC') - INTERVAL 90 DAY AND circuit != ''
    ),
    works AS (
        SELECT
            tenant, project, circuit, backend, currency, needed,
            any(runs.label) AS label,
            countIf(useful) AS jobs,
            sumIf(shots, useful) AS taken,
            sumIf(runs.amount, useful) AS spent,
            ifNull(avgIf(esp_ppm, useful), -1) AS esp,
            countIf(generous) AS generous_jobs,
            sumIf(runs.amount, generous) AS generous_spent,
            sumIf(variable_amount * toInt64(shots - needed) / greatest(shots, 1), generous) AS excess,
            countIf(lost) AS lost_jobs,
            sumIf(runs.amount, lost) AS lost_spent,
            arraySort(groupUniqArrayArrayIf(reasons, lost)) AS codes
        FROM runs
        GROUP BY tenant, project, circuit, backend, currency, needed
    ),
    circuits AS (
        SELECT
            tenant, circuit, currency,
            groupArray((backend, esp, spent / greatest(taken, 1), taken)) AS places,
            groupArray((project, backend, label, esp, jobs, taken, spent, needed, generous_jobs, generous_spent, excess,
                lost_jobs, lost_spent, codes)) AS found
        FROM works
        GROUP BY tenant, circuit, currency
    ),
    judged AS (
        SELECT
            tenant, circuit, currency, arrayJoin(found) AS work,
            arraySort(it -> it.3, arrayFilter(
                it -> it.1 != work.2 AND it.4 > 0 AND work.6 > 0 AND it.2 >= work.4 AND work.4 >= 0
                    AND it.3 < work.7 / greatest(work.6, 1), places))[1] AS best
        FROM circuits
    ),
    advised AS (
        SELECT
            tenant, work.1 AS project, circuit, work.3 AS label, currency,
            arrayJoin([
                ('cheaper-backend', work.5, work.7,
                    if(best.1 = '', toDecimal128(0, 18), toDecimal128(work.7 - best.3 * work.6, 18)),
                    concat('run it on ', best.1, ' instead of ', work.2, ': estimated success ',
                        toString(round(best.2 / 10000, 2)), ' % instead of ', toString(round(work.4 / 10000, 2)), ' %')),
                ('too-many-shots', work.9, work.10, toDecimal128(work.11, 18),
                    concat('use ', toString(work.8), ' shots: more than the precision of the tag needs were taken')),
                ('failed-and-billed', work.12, work.13, toDecimal128(work.13, 18),
                    concat('these runs failed and were billed: ', arrayStringConcat(work.14, ', ')))]) AS row
        FROM judged
    )
SELECT
    tenant, project, row.1 AS kind, circuit AS subject, label, row.2 AS jobs, row.3 AS amount, row.4 AS saving, currency,
    row.5 AS text
FROM advised
WHERE saving > 0
UNION ALL
SELECT
    tenant, project, 'idle-session', session, any(charges.label), 1, sum(charges.amount), sum(charges.amount), currency,
    'close the session, or shorten its --max-idle: reserved time without a job was billed'
FROM charges
WHERE component = 'session_idle_second' AND event_time >= now('UTC') - INTERVAL 90 DAY
GROUP BY tenant, project, session, currency
HAVING sum(charges.amount) > 0
