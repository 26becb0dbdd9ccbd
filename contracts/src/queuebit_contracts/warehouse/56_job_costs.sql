-- What each job cost and came to: one row a job that ended, with its charge, attempts and probability of success.
CREATE OR REPLACE VIEW job_costs AS
WITH
    ends AS (
        SELECT
            tenant,
            job AS id,
            argMax((splitByChar('.', type)[3], event_time, backend), seq) AS ending,
            argMax(
                JSONExtract(data, 'Tuple(attempt UInt32, shots UInt64, compilation Tuple(esp_ppm Nullable(UInt32)))'),
                seq) AS run,
            argMax(events.reasons, seq) AS codes
        FROM events
        WHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1',
            'qb.job.rejected.v1')
        GROUP BY tenant, job
    ),
    bills AS (
        SELECT
            tenant, id, any(charge_lines.project) AS project, any(charge_lines.currency) AS currency,
            argMax(charge_lines.backend, seq) AS backend,
            sum(charge_lines.amount) AS amount,
            sumIf(charge_lines.amount, component NOT IN ('task', 'base', 'minimum')) AS variable_amount,
            sum(toDecimal256(unbilled, 18) * toDecimal256(unit_price, 18)) AS overhead
        FROM charge_lines
        WHERE kind IN ('job', 'correction')
        GROUP BY tenant, id
    )
SELECT
    ends.tenant AS tenant,
    bill.project AS project,
    origin.user AS user,
    origin.tags AS tags,
    origin.session AS session,
    ends.id AS id,
    origin.label AS label,
    request.circuit AS circuit,
    if(bill.backend = '', ends.ending.3, bill.backend) AS backend,
    ends.ending.1 AS state,
    ends.ending.2 AS ended_at,
    toDate(ended_at) AS day,
    ends.run.attempt AS attempts,
    ends.codes AS reasons,
    ends.run.shots AS shots,
    ifNull(
        ends.run.compilation.esp_ppm,
        arrayFirst(it -> it.backend = ends.ending.3, request.candidates).esp_ppm) AS esp_ppm,
    bill.amount AS amount,
    bill.variable_amount AS variable_amount,
    bill.overhead AS overhead,
    bill.currency AS currency
FROM ends
LEFT ANY JOIN bills AS bill ON bill.tenant = ends.tenant AND bill.id = ends.id
LEFT ANY JOIN origins AS origin ON origin.tenant = ends.tenant AND origin.id = ends.id
LEFT ANY JOIN requests AS request ON request.tenant = ends.tenant AND request.id = ends.id
