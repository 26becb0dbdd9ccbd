-- Every message of the stream LOG, once: the only table that is written; the views over it cannot disagree with it.
--
-- A batch is one part, inserted under the token `LOG>` and the last sequence before it, so that of two writers at the
-- same place one is dropped whole. Should a batch slip past the window of tokens all the same, the engine keeps one
-- row a sequence. The projection is part of each part: it is written, merged and lost together with its rows.
-- {generation} names this table among its rebuilds: a writer that still speaks of an earlier one is refused.
CREATE TABLE IF NOT EXISTS events
(
    seq UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'sequence in the stream LOG',
    stored_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'when the log stored it; never decreases with seq',
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'what its author says; stored_at where unreadable',
    event_id String COMMENT 'CloudEvents id',
    type LowCardinality(String) COMMENT 'CloudEvents type; empty when the message breaks its contract',
    source LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'from the subject, which permissions guard; never from the body',
    job String,
    project LowCardinality(String),
    account LowCardinality(String),
    backend LowCardinality(String),
    traceparent String CODEC(ZSTD(1)),
    provenanceid String CODEC(ZSTD(1)),
    data String CODEC(ZSTD(3)) COMMENT 'the event''s data as JSON; the whole body when it breaks its contract',
    generation LowCardinality(String),

    label String MATERIALIZED if(type = 'qb.job.submitted.v1', JSONExtractString(data, 'label'), ''),
    tags Array(LowCardinality(String)) MATERIALIZED
        if(type = 'qb.job.submitted.v1', JSONExtract(data, 'tags', 'Array(String)'), []),
    session String MATERIALIZED if(type = 'qb.job.submitted.v1', JSONExtractString(data, 'session'), ''),
    shots UInt64 MATERIALIZED if(type = 'qb.job.submitted.v1', JSONExtractUInt(data, 'shots'), 0),
    user LowCardinality(String) MATERIALIZED
        if(type IN ('qb.job.accepted.v1', 'qb.job.rejected.v1'), JSONExtractString(data, 'user'), ''),
    qubits UInt32 MATERIALIZED if(type = 'qb.job.accepted.v1', JSONExtractUInt(data, 'profile', 'qubits'), 0),
    reasons Array(LowCardinality(String)) MATERIALIZED multiIf(
        type = 'qb.job.rejected.v1', arrayMap(it -> JSONExtractString(it, 'code'), JSONExtractArrayRaw(data, 'reasons')),
        type = 'qb.job.failed.v1', [JSONExtractString(data, 'reason', 'code')],
        []),
    charge Nullable(Decimal(38, 18)) MATERIALIZED multiIf(
        type = 'qb.job.metered.v1', toDecimal128OrNull(JSONExtractString(data, 'charge', 'amount'), 18),
        type = 'qb.job.corrected.v1', toDecimal128OrNull(JSONExtractString(data, 'delta', 'amount'), 18),
        NULL) COMMENT 'what the event adds to the charge of its job; the sum over its events is the charge',
    currency LowCardinality(String) MATERIALIZED
        if(type IN ('qb.job.metered.v1', 'qb.job.corrected.v1'), JSONExtractString(data, 'charge', 'currency'), ''),
    jbu Nullable(Decimal(38, 18)) MATERIALIZED multiIf(
        type = 'qb.job.metered.v1', toDecimal128OrNull(JSONExtractString(data, 'charge', 'jbu'), 18),
        type = 'qb.job.corrected.v1', toDecimal128OrNull(JSONExtractString(data, 'delta', 'jbu'), 18),
        NULL) COMMENT 'likewise',
    queue_wait_ms Nullable(UInt64) MATERIALIZED if(
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1'),
        if((dateDiff('millisecond',
            parseDateTime64BestEffortOrNull(JSONExtractString(data, 'accepted_at'), 6, 'UTC'),
            parseDateTime64BestEffortOrNull(JSONExtractString(data, 'started_at'), 6, 'UTC')) AS waited) < 0, 0, waited),
        NULL) COMMENT 'from accepted to started; NULL where either is unknown',
    end_to_end_ms Nullable(UInt64) MATERIALIZED if(
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1'),
        if((dateDiff('millisecond',
            parseDateTime64BestEffortOrNull(JSONExtractString(data, 'submitted_at'), 6, 'UTC'),
            event_time) AS took) < 0, 0, took),
        NULL) COMMENT 'from submitted to the end; NULL where either is unknown',
    queue_wait_bucket UInt8 MATERIALIZED if(queue_wait_ms IS NULL, 0, 1 + arrayCount(bound -> queue_wait_ms > bound,
        [10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
         300000, 600000, 1800000, 3600000])) COMMENT '0 where there was no wait; the bounds are those of slos.toml',
    end_to_end_bucket UInt8 MATERIALIZED if(end_to_end_ms IS NULL, 0, 1 + arrayCount(bound -> end_to_end_ms > bound,
        [10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
         300000, 600000, 1800000, 3600000])),

    CONSTRAINT generation CHECK generation = '{generation}',
    INDEX by_job job TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_stored_at stored_at TYPE minmax GRANULARITY 1,
    PROJECTION levels
    (
        SELECT
            tenant,
            toStartOfHour(stored_at) AS hour,
            backend,
            countIf(type = 'qb.job.completed.v1'),
            countIf(type = 'qb.job.failed.v1'),
            countIf(type = 'qb.job.rejected.v1'),
            countIf(type = 'qb.job.cancelled.v1'),
            countIf(type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2')),
            countResample(1, 25, 1)(queue_wait_bucket),
            countResample(1, 25, 1)(end_to_end_bucket),
            max(queue_wait_ms),
            max(end_to_end_ms)
        GROUP BY tenant, hour, backend
    ) WITH SETTINGS (index_granularity = 256)
)
ENGINE = ReplacingMergeTree
PARTITION BY intDiv(seq, 10000000)
ORDER BY seq
SETTINGS non_replicated_deduplication_window = 10000, deduplicate_merge_projection_mode = 'rebuild'
COMMENT 'queuebit schema {version}, generation {generation}'
