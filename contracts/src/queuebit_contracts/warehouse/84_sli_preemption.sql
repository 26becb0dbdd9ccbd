-- Jobs that completed or failed, at their end; good are those of which no placement was taken away before they started.
--
-- A placement was taken away if the next one follows before a start. `causes` says why, one for each: `preempted`, the
-- job gave way to one that goes before it; `fallback`, the backend was out of service and another stood in for it;
-- `vendor_status`, it was isolated because its vendor says that it is not active; `isolated`, for another reason;
-- `no_answer`, it did not answer and the job may run elsewhere; `session`, the job got a place of a session that ended, or
-- of one that has priority; `other`. A job that was moved because another backend became better for it lost nothing.
CREATE OR REPLACE VIEW sli_preemption AS
WITH
isolations AS (
    SELECT CAST((groupArray(found.backend), groupArray(found.facts)), 'Map(String, Array(Tuple(UInt64, String)))')
    FROM (
        SELECT
            toString(it.backend) AS backend,
            groupArray((it.seq, multiIf(
                it.type = 'qb.backend.readmitted.v1', '',
                JSONExtractString(it.data, 'reason', 'code') = 'vendor_status', 'vendor_status',
                'isolated'))) AS facts
        FROM events AS it
        WHERE it.about_backend = 1 AND it.type IN ('qb.backend.isolated.v1', 'qb.backend.readmitted.v1')
        GROUP BY backend
    ) AS found
),
turns AS (
    SELECT
        tenant, job,
        arraySort(groupUniqArray((
            seq, type = 'qb.job.placed.v1', toString(events.backend), JSONHas(data, 'fallback', 'instead_of'),
            JSONExtractString(data, 'session'), JSONHas(data, 'preempted', 'rule'), JSONHas(data, 'moved', 'left')))) AS history,
        arrayMap(
            at -> arrayReverseSort(arrayFilter(
                it -> it.1 < history[at].1, (SELECT * FROM isolations)[history[at - 1].3]))[1].2,
            arrayEnumerate(history)) AS outs,
        arrayMap(
            at -> multiIf(
                history[at].6, 'preempted',
                history[at].4, 'fallback',
                outs[at] != '', outs[at],
                history[at].3 != history[at - 1].3, 'no_answer',
                history[at].5 != history[at - 1].5, 'session',
                'other'),
            arrayFilter(
                at -> at > 1 AND history[at].2 AND history[at - 1].2 AND NOT history[at].7, arrayEnumerate(history))) AS causes
    FROM events
    WHERE type IN ('qb.job.placed.v1', 'qb.job.started.v1')
        AND (tenant, job) IN (
            SELECT tenant, job FROM events
            WHERE type = 'qb.job.placed.v1'
            GROUP BY tenant, job
            HAVING max(seq) > min(seq))
    GROUP BY tenant, job
)
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(empty(before.causes)) AS good,
    toUInt64(1) AS total,
    before.causes AS causes
FROM events AS it FINAL
LEFT ANY JOIN turns AS before ON before.tenant = it.tenant AND before.job = it.job
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
