-- One row a job, computed from its events when asked; every aggregate ignores repeated rows.
--
-- A client may send `submitted` again at any time, with other content. What counts is the submission that was accepted,
-- which is the last one before that, or else the first; and none of them takes back what was decided since.
--
-- A job that was taken from its backend waits again: it has none until it is placed again.
--
-- What is only settled is no job: the idle time of a session is.
--
-- A charge is provisional until its hold is settled, which happens at once when the usage is final.
CREATE OR REPLACE VIEW jobs AS
WITH
    (seq, events.project, events.label, events.shots, event_time) AS content,
    arraySort(groupUniqArrayIf(content, type = 'qb.job.submitted.v1')) AS submissions,
    minOrNullIf(seq, type = 'qb.job.accepted.v1') AS accepted,
    if(accepted IS NULL, submissions[1], arrayLast(it -> it.1 < accepted, submissions)) AS submission,
    groupUniqArrayIf(
        (seq, assumeNotNull(events.charge), assumeNotNull(events.jbu)),
        type IN ('qb.job.metered.v1', 'qb.job.corrected.v1') AND events.charge IS NOT NULL) AS bills,
    multiIf(
        type IN ('qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1',
            'qb.job.expired.v1'), 3,
        type IN ('qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.withdrawn.v1', 'qb.job.started.v1',
            'qb.job.dispatched.v1'), 2,
        type = 'qb.job.submitted.v1', 1,
        0) AS weight
SELECT
    tenant,
    job,
    submission.2 AS project,
    replaceOne(splitByChar('.', argMaxIf(type, (weight, seq), weight > 0))[3], 'withdrawn', 'accepted') AS state,
    argMaxIf(
        if(type = 'qb.job.withdrawn.v1', '', toString(events.backend)),
        (weight > 1, seq), events.backend != '') AS backend,
    submission.4 AS shots,
    max(qubits) AS qubits,
    submission.3 AS label,
    max(user) AS user,
    if(submission.1 = 0, NULL, submission.5) AS submitted_at,
    minOrNullIf(event_time, type = 'qb.job.accepted.v1') AS accepted_at,
    maxOrNullIf(event_time, type = 'qb.job.placed.v1') AS placed_at,
    maxOrNullIf(event_time, type = 'qb.job.started.v1') AS started_at,
    maxOrNullIf(event_time, type IN (
        'qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1',
        'qb.job.expired.v1')) AS ended_at,
    coalesce(
        max(queue_wait_ms),
        toUInt64(if((dateDiff('millisecond', accepted_at, started_at) AS waited) < 0, 0, waited))) AS queue_wait_ms,
    max(end_to_end_ms) AS end_to_end_ms,
    if(bills = [], NULL, arraySum(it -> it.2, bills)) AS charge,
    max(currency) AS currency,
    if(bills = [], NULL, arraySum(it -> it.3, bills)) AS jbu,
    charge IS NOT NULL AND accepted_at IS NOT NULL AND countIf(type = 'qb.account.settled.v1') = 0 AS provisional,
    max(type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2')) AS sealed,
    arraySort(groupUniqArrayArray(reasons)) AS reasons
FROM events
WHERE type IN (
    'qb.job.submitted.v1', 'qb.job.accepted.v1', 'qb.job.rejected.v1', 'qb.job.placed.v1', 'qb.job.withdrawn.v1',
    'qb.job.started.v1', 'qb.job.dispatched.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1',
    'qb.job.metered.v1',
    'qb.job.corrected.v1', 'qb.job.sealed.v1', 'qb.job.sealed.v2', 'qb.account.settled.v1')
GROUP BY tenant, job
HAVING countIf(type != 'qb.account.settled.v1') > 0
