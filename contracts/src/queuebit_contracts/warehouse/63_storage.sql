-- Circuits and results that are kept: one row a content and tenant, with GiB-days from when it was first stored until now.
CREATE OR REPLACE VIEW storage AS
SELECT
    tenant,
    content.1 AS digest,
    argMin(content.3, seq) AS kind,
    argMin(events.job, seq) AS id,
    max(content.2) AS bytes,
    min(events.stored_at) AS stored_at,
    max(content.4) AS is_inline,
    toDecimal128(max(content.2), 18) / 1073741824 * dateDiff('second', min(events.stored_at), now('UTC')) / 86400 AS gib_days
FROM (
    SELECT
        tenant, seq, job, events.stored_at AS stored_at,
        arrayJoin(arrayFilter(it -> it.1 != '', arrayMap(
            name -> (
                JSONExtractString(data, name, 'digest'), JSONExtractUInt(data, name, 'size'), name,
                JSONHas(data, name, 'inline')),
            ['circuit', 'program', 'result']))) AS content
    FROM events
    WHERE type IN ('qb.job.submitted.v1', 'qb.job.completed.v1')
) AS events
GROUP BY tenant, digest
