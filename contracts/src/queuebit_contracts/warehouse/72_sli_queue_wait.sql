-- Waits of accepted jobs: at the end of those that completed or failed, from the start of those that run, and now of
-- those that wait, with their age. Every job without an end is one case; one that was taken from its backend is of none.
CREATE OR REPLACE VIEW sli_queue_wait AS
WITH
    ended AS (
        SELECT tenant, case_project AS project, workload_class, case_backend AS backend, case_at AS at, waited_ms
        FROM events FINAL
        WHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND waited_ms IS NOT NULL
    ),
    open AS (
        SELECT
            tenant,
            argMaxIf(events.project, seq, type = 'qb.job.accepted.v1') AS project,
            argMaxIf(events.workload_class, seq, type = 'qb.job.accepted.v1') AS workload_class,
            argMaxIf(
                if(type = 'qb.job.withdrawn.v1', '', toString(events.backend)),
                seq, type IN ('qb.job.placed.v1', 'qb.job.withdrawn.v1', 'qb.job.started.v1')) AS backend,
            minIf(
                least(
                    case_at, parseDateTime64BestEffortOrNull(JSONExtractString(data, 'submitted_at'), 6, 'UTC')),
                type = 'qb.job.accepted.v1') AS submitted,
            maxOrNullIf(case_at, type = 'qb.job.started.v1') AS started,
            ifNull(started, now64(6, 'UTC')) AS at,
            dateDiff('millisecond', submitted, at) AS waited_ms
        FROM events
        WHERE type IN (
            'qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.withdrawn.v1', 'qb.job.started.v1',
            'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1')
        GROUP BY tenant, job
        HAVING countIf(type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1')) = 0
            AND countIf(type = 'qb.job.accepted.v1') > 0
    )
SELECT
    found.tenant AS tenant,
    found.project AS project,
    found.workload_class AS workload_class,
    found.backend AS backend,
    whose.vendor AS vendor,
    found.at AS at,
    toUInt64(1) AS good,
    toUInt64(1) AS total,
    toUInt64(greatest(0, assumeNotNull(found.waited_ms))) AS value_ms
FROM (
    SELECT tenant, project, workload_class, backend, at, toInt64(waited_ms) AS waited_ms FROM ended
    UNION ALL
    SELECT tenant, project, workload_class, backend, at, waited_ms FROM open
) AS found
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
