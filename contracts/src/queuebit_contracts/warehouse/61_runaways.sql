-- The same circuit again and again within an hour: five failures or more, or twenty jobs or more outside of sessions.
--
-- Where a job was refused before its circuit was read, its label stands for it.
CREATE OR REPLACE VIEW runaways AS
SELECT
    tenant,
    any(project) AS project,
    user,
    if(circuit = '', job_costs.label, circuit) AS work,
    any(job_costs.label) AS label,
    toStartOfHour(ended_at) AS hour,
    multiIf(failures >= 5 AND 2 * failures >= jobs, 'failing', 'repeating') AS kind,
    count() AS jobs,
    countIf(state IN ('failed', 'rejected')) AS failures,
    sum(greatest(attempts, 1) - 1) AS lost_attempts,
    arraySort(groupUniqArrayArray(job_costs.reasons)) AS reasons,
    max(job_costs.currency) AS currency,
    sum(job_costs.amount) AS amount,
    sum(job_costs.overhead) AS overhead
FROM job_costs
WHERE work != ''
GROUP BY tenant, user, work, hour
HAVING (failures >= 5 AND 2 * failures >= jobs) OR countIf(session = '') >= 20
