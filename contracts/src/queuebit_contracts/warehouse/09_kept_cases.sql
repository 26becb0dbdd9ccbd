-- What the views of some indicators had when they were asked last. Their cases need many events, so telemetry asks them again and
-- again, and a query of a window reads the rows of the newest `keeping` alone.
--
-- A keeping is one insert, one partition and one part, so that it is there as a whole or not at all. It has one row without
-- cases, so that a view that has no rows any more supersedes the rows that it had.
CREATE TABLE IF NOT EXISTS kept_cases
(
    indicator LowCardinality(String),
    keeping UInt64 COMMENT 'when the view was asked, in microseconds since 1970',
    tenant LowCardinality(String),
    project LowCardinality(String),
    workload_class LowCardinality(String),
    backend LowCardinality(String),
    vendor LowCardinality(String),
    at DateTime64(6, 'UTC'),
    good UInt64,
    total UInt64
)
ENGINE = MergeTree
PARTITION BY (indicator, keeping)
ORDER BY at
SETTINGS non_replicated_deduplication_window = 100
