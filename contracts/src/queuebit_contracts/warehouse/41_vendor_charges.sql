-- One row a job that ran at a vendor: the vendor's handles of it, and what we charged after all corrections. It is our side
-- of a comparison with the vendor's bill. A job that is not metered yet has no currency. A charge is whole in each event,
-- so that the newest one is the charge; every aggregate ignores repeated rows. Bills of jobs that ran here are not read.
CREATE OR REPLACE VIEW vendor_charges AS
WITH
    type IN ('qb.job.metered.v1', 'qb.job.corrected.v1') AS bills,
    argMaxIf(JSONExtractRaw(data, 'charge'), seq, bills) AS bill
SELECT
    tenant,
    job,
    argMaxIf(events.backend, seq, type = 'qb.job.dispatched.v1') AS backend,
    arraySort(groupUniqArrayIf(JSONExtractString(data, 'handle'), type = 'qb.job.dispatched.v1')) AS handles,
    minIf(event_time, type = 'qb.job.dispatched.v1') AS sent_at,
    maxOrNullIf(
        parseDateTime64BestEffortOrNull(JSONExtractString(data, 'ended_at'), 6, 'UTC'),
        type = 'qb.job.metered.v1') AS ended_at,
    if(bill = '', toDecimal128(0, 18), toDecimal128(JSONExtractString(bill, 'amount'), 18)) AS amount,
    JSONExtractString(bill, 'currency') AS currency,
    bill != '' AND argMaxIf(if(JSONHas(data, 'final'), JSONExtractBool(data, 'final'), true), seq, bills) AS final,
    arrayMap(
        it -> (JSONExtractString(it, 'component'), toDecimal128(JSONExtractString(it, 'consumed'), 18)),
        JSONExtractArrayRaw(bill, 'lines')) AS consumed
FROM events
WHERE type IN ('qb.job.dispatched.v1', 'qb.job.metered.v1', 'qb.job.corrected.v1')
    AND (tenant, job) IN (SELECT tenant, job FROM events WHERE type = 'qb.job.dispatched.v1')
GROUP BY tenant, job
