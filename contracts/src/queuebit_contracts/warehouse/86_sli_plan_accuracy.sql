-- Waits beside what a plan says of them: of jobs that completed or failed, good are those that waited no less and no
-- longer than eight of ten of the tenant's newest jobs on the backend that had ended before, by nearest rank. A job with
-- fewer than ten of these is no case. Beside it stand the relative errors of what admission promised: the cost and the
-- time on the backend, which are the most that was possible, and the success probability beside the fidelity of the
-- quality check.
CREATE OR REPLACE VIEW sli_plan_accuracy AS
WITH
    ended AS (
        SELECT
            tenant, job, case_project AS project, workload_class, case_backend AS backend, case_at AS at,
            assumeNotNull(waited_ms) AS wait_ms,
            arraySort(groupArray(assumeNotNull(waited_ms)) OVER (
                PARTITION BY tenant, case_backend ORDER BY seq ROWS BETWEEN 100 PRECEDING AND 1 PRECEDING)) AS waits,
            JSONExtract(data, 'Tuple(
                terms Tuple(hold Tuple(amount String), qpu_us UInt64),
                usage Tuple(qpu_us UInt64),
                compilation Tuple(esp_ppm Nullable(UInt32)),
                quality Tuple(checks Array(Tuple(name String, value Int64))))') AS said
        FROM events FINAL
        WHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1') AND waited_ms IS NOT NULL
    ),
    bills AS (
        SELECT tenant, job AS billed, toFloat64(sum(events.charge)) AS charged
        FROM events FINAL
        WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1') AND events.charge IS NOT NULL
        GROUP BY tenant, job
    )
SELECT
    found.tenant AS tenant,
    found.project AS project,
    found.workload_class AS workload_class,
    found.backend AS backend,
    whose.vendor AS vendor,
    found.at AS at,
    toUInt64(found.wait_ms BETWEEN low_ms AND high_ms) AS good,
    toUInt64(1) AS total,
    found.job AS job,
    found.wait_ms AS wait_ms,
    waits[toUInt32(ceil(length(waits) * 0.1))] AS low_ms,
    waits[toUInt32(ceil(length(waits) * 0.9))] AS high_ms,
    (bill.charged - toFloat64OrNull((said).terms.hold.amount)) / nullIf(toFloat64OrNull((said).terms.hold.amount), 0)
        AS cost_error,
    if((said).usage.qpu_us = 0, NULL, toFloat64((said).usage.qpu_us) / nullIf((said).terms.qpu_us, 0) - 1) AS run_error,
    if(measured = [], NULL, measured[1] / nullIf((said).compilation.esp_ppm, 0) - 1) AS fidelity_error,
    arrayMap(it -> it.value, arrayFilter(it -> it.name = 'fidelity', (said).quality.checks)) AS measured
FROM ended AS found
LEFT ANY JOIN bills AS bill ON bill.tenant = found.tenant AND bill.billed = found.job
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
WHERE length(waits) >= 10
