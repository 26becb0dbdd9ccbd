-- Jobs that completed or failed, at their end; good are those whose acceptance, placement and start are stored here,
-- with a span of an executor in the trace of their end, and with the calibration of a result from a calibrated backend.
CREATE OR REPLACE VIEW sli_telemetry_completeness AS
SELECT
    it.tenant AS tenant,
    it.case_project AS project,
    it.workload_class AS workload_class,
    it.case_backend AS backend,
    whose.vendor AS vendor,
    it.case_at AS at,
    toUInt64(
        before.found = 3
        AND splitByChar('-', it.traceparent)[2] IN (SELECT TraceId FROM otel_traces WHERE startsWith(ServiceName, 'executor-'))
        AND (it.type = 'qb.job.failed.v1' OR JSONExtractString(it.data, 'calibration') != ''
            OR it.case_backend NOT IN (SELECT backend FROM calibrated_backends))) AS good,
    toUInt64(1) AS total
FROM events AS it FINAL
LEFT ANY JOIN (
    SELECT tenant, job, uniqExact(type) AS found
    FROM events
    WHERE type IN ('qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.started.v1')
    GROUP BY tenant, job
) AS before ON before.tenant = it.tenant AND before.job = it.job
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = it.case_backend
WHERE it.type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
