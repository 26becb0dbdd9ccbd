-- One row a job, computed from its events when asked; every aggregate ignores repeated rows.
CREATE OR REPLACE VIEW jobs AS
SELECT
    tenant,
    job,
    max(project) AS project,
    splitByChar('.', argMaxIf(type, seq, type NOT IN ('qb.job.metered.v1', 'qb.job.sealed.v1')))[3] AS state,
    argMaxIf(backend, seq, backend != '') AS backend,
    max(shots) AS shots,
    max(qubits) AS qubits,
    max(label) AS label,
    max(user) AS user,
    minOrNullIf(event_time, type = 'qb.job.submitted.v1') AS submitted_at,
    minOrNullIf(event_time, type = 'qb.job.accepted.v1') AS accepted_at,
    maxOrNullIf(event_time, type = 'qb.job.placed.v1') AS placed_at,
    maxOrNullIf(event_time, type = 'qb.job.started.v1') AS started_at,
    maxOrNullIf(event_time, type IN (
        'qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1')) AS ended_at,
    coalesce(max(queue_wait_ms), toUInt64(greatest(0, dateDiff('millisecond', accepted_at, started_at))))
        AS queue_wait_ms,
    max(end_to_end_ms) AS end_to_end_ms,
    max(charge) AS charge,
    max(currency) AS currency,
    max(jbu) AS jbu,
    max(type = 'qb.job.sealed.v1') AS sealed,
    arraySort(groupUniqArrayArray(reasons)) AS reasons
FROM events
WHERE type IN (
    'qb.job.submitted.v1', 'qb.job.accepted.v1', 'qb.job.rejected.v1', 'qb.job.placed.v1', 'qb.job.started.v1',
    'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.metered.v1', 'qb.job.sealed.v1')
GROUP BY tenant, job
