-- Copies of lines of the logs that incidents need, with the incident: they outlive the retention of `otel_logs`.
CREATE TABLE IF NOT EXISTS otel_logs_held
(
    Incident LowCardinality(String),
    Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toStartOfMonth(Timestamp)
ORDER BY (Incident, ServiceName, toDateTime(Timestamp), Timestamp, ScopeName, cityHash64(Body))
TTL toDateTime(Timestamp) + INTERVAL 400 DAY
