-- Every message of the stream LOG, once: the only table that is written; the views over it cannot disagree with it.
--
-- A batch is one part, inserted under the token `LOG>` and the last sequence before it, so that of two writers at the
-- same place one is dropped whole. Should a batch slip past the window of tokens all the same, the engine keeps one
-- row a sequence.
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

    workload_class LowCardinality(String) MATERIALIZED if(
        type IN ('qb.job.submitted.v1', 'qb.job.accepted.v1', 'qb.job.rejected.v1', 'qb.job.placed.v1',
            'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1', 'qb.job.metered.v1',
            'qb.job.corrected.v1', 'qb.job.sealed.v1', 'qb.job.sealed.v2'),
        JSONExtractString(data, 'workload_class'), ''),
    case_at DateTime64(6, 'UTC') MATERIALIZED greatest(toDateTime64(0, 6, 'UTC'), least(
        stored_at,
        if(type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2'), ifNull(parseDateTime64BestEffortOrNull(JSONExtractString(
            JSONExtractString(data, 'text'), 'predicate', 'times', 'finished_at'), 6, 'UTC'), event_time), event_time)))
        COMMENT 'the earlier of what its author says and when the log stored it; of a receipt, when its job ended',
    case_hour DateTime('UTC') MATERIALIZED if(
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.rejected.v1', 'qb.job.cancelled.v1',
            'qb.job.expired.v1', 'qb.job.metered.v1', 'qb.job.corrected.v1', 'qb.job.sealed.v1', 'qb.job.sealed.v2'),
        toStartOfHour(case_at), toDateTime(0, 'UTC')) COMMENT 'the hour of a case; 1970 of the rest',
    case_project LowCardinality(String) MATERIALIZED multiIf(
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1'), JSONExtractString(data, 'terms', 'project'),
        type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2'), JSONExtractString(JSONExtractString(data, 'text'), 'predicate', 'job', 'project'),
        toString(project)),
    case_backend LowCardinality(String) MATERIALIZED if(
        type IN ('qb.job.sealed.v1', 'qb.job.sealed.v2') AND JSONExtractString(
            JSONExtractString(data, 'text'), 'predicate', 'outcome', 'state') IN ('completed', 'failed'),
        JSONExtractString(JSONExtractString(data, 'text'), 'predicate', 'run', 'backend'), toString(backend)),
    attempt UInt32 MATERIALIZED
        if(type IN ('qb.job.completed.v1', 'qb.job.failed.v1'), JSONExtractUInt(data, 'attempt'), 0),
    usable UInt8 MATERIALIZED type = 'qb.job.completed.v1'
        AND (NOT JSONHas(data, 'quality', 'passed') OR JSONExtractBool(data, 'quality', 'passed')),
    quality_ppm UInt32 MATERIALIZED if(
        usable,
        if(JSONHas(data, 'compilation', 'esp_ppm'), JSONExtractUInt(data, 'compilation', 'esp_ppm'), 1000000), 0)
        COMMENT 'estimated success probability of a usable result in millionths; a million where nothing estimates it',
    waited_ms Nullable(UInt64) MATERIALIZED if(
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1'),
        if((dateDiff('millisecond',
            least(
                parseDateTime64BestEffortOrNull(JSONExtractString(data, 'submitted_at'), 6, 'UTC'),
                parseDateTime64BestEffortOrNull(JSONExtractString(data, 'accepted_at'), 6, 'UTC')),
            parseDateTime64BestEffortOrNull(JSONExtractString(data, 'started_at'), 6, 'UTC')) AS stayed) < 0, 0, stayed),
        NULL) COMMENT 'from submitted, and at the latest from accepted, to started',
    latency_ms Nullable(UInt64) MATERIALIZED if(type = 'qb.job.completed.v1', end_to_end_ms, NULL)
        COMMENT 'from submitted to the result',
    latency_percent Nullable(UInt64) MATERIALIZED if(
        type = 'qb.job.completed.v1' AND JSONExtractUInt(data, 'expected_ms') > 0,
        intDivOrZero(100 * latency_ms, JSONExtractUInt(data, 'expected_ms')), NULL)
        COMMENT 'latency, in percent of the time that the placement expected',
    vendor_failed UInt8 MATERIALIZED type = 'qb.job.failed.v1' AND (
        startsWith(JSONExtractString(data, 'reason', 'code'), 'vendor_')
        OR JSONExtractString(data, 'reason', 'code') IN ('backend_error', 'plugin_failed')),
    bill_adds_up UInt8 MATERIALIZED if(
        type IN ('qb.job.metered.v1', 'qb.job.corrected.v1'),
        arrayAll(
            it -> ifNull(
                toDecimal256(toDecimal128OrNull(JSONExtractString(it, 'billed'), 18), 18)
                * toDecimal256(toDecimal128OrNull(JSONExtractString(it, 'unit_price'), 18), 18)
                = toDecimal256OrNull(JSONExtractString(it, 'amount'), 36), 0),
            JSONExtractArrayRaw(data, 'charge', 'lines'))
        AND ifNull(toDecimal256OrNull(JSONExtractString(data, 'charge', 'amount'), 36) = arraySum(
            it -> toDecimal256OrZero(JSONExtractString(it, 'amount'), 36),
            JSONExtractArrayRaw(data, 'charge', 'lines')), 0),
        0) COMMENT 'whether each line is quantity times price, and their sum is the charge',
    proven UInt8 MATERIALIZED if(
        type NOT IN ('qb.job.sealed.v1', 'qb.job.sealed.v2') OR JSONExtractUInt(data, 'revision') > 0, 0,
        1 + 2 * arrayAll(it -> it NOT IN ('', '0'), arrayConcat(
            [(JSONExtract(JSONExtractString(data, 'text'), 'predicate', 'Tuple(
                record UInt8, job Tuple(tenant String, project String, id String, actor String, purpose String),
                outcome Tuple(state String, reasons Array(Tuple(code String))),
                request_digest String, result_digest String, circuit_digest String, bound_digest String, plan_digest String,
                compiled Tuple(compiler String, seed Nullable(UInt64), target String),
                run Tuple(backend String, calibration_digest String, shots Nullable(UInt64), policy String,
                    decision_digest String, attempts Array(Tuple(backend String)), attempt UInt64, executor String),
                times Tuple(submitted_at String, accepted_at String, placed_at String, started_at String,
                    finished_at String),
                usage Array(Tuple(metric String)), price_book String, trace_id String, software String, salt String)') AS said
                ).job.tenant,
                (said).job.project, (said).job.id, (said).outcome.state, (said).request_digest, (said).times.submitted_at,
                (said).times.finished_at, (said).price_book, (said).trace_id, (said).software],
            if((said).outcome.state IN ('completed', 'failed'),
                [(said).job.actor, (said).circuit_digest, (said).run.backend, (said).times.accepted_at, (said).times.placed_at], []),
            if((said).outcome.state IN ('failed', 'rejected'), [toString(length((said).outcome.reasons))], []),
            if((said).outcome.state = 'completed',
                [(said).result_digest, (said).compiled.compiler, toString((said).compiled.seed IS NOT NULL),
                    toString((said).run.shots IS NOT NULL), (said).times.started_at, toString(length((said).usage))],
                []),
            if((said).record >= 2, [(said).salt], []),
            if((said).record >= 2 AND (said).outcome.state IN ('completed', 'failed', 'expired'),
                [(said).job.actor, (said).job.purpose, (said).circuit_digest, (said).plan_digest, (said).times.accepted_at], []),
            if((said).record >= 2 AND (said).outcome.state IN ('completed', 'failed'),
                [(said).run.policy, (said).run.decision_digest, toString(length((said).run.attempts))], []),
            if((said).record >= 2 AND (said).outcome.state = 'completed',
                [(said).bound_digest, toString((said).run.attempt), (said).run.executor], []),
            if((said).record >= 3 AND (said).outcome.state = 'completed', [(said).compiled.target], [])))
            + ((said).run.calibration_digest != '' OR (said).outcome.state != 'completed'))
        COMMENT 'of a first receipt: 1, plus 2 if its statement has all fields of its version, plus 1 if a result has a calibration',
    opened_hour DateTime('UTC') MATERIALIZED multiIf(
        type = 'qb.job.accepted.v1', toStartOfHour(greatest(event_time, toDateTime64(0, 6, 'UTC'))),
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1'), toStartOfHour(greatest(
            ifNull(parseDateTime64BestEffortOrNull(JSONExtractString(data, 'accepted_at'), 6, 'UTC'),
                toDateTime64(0, 6, 'UTC')),
            toDateTime64(0, 6, 'UTC'))),
        toDateTime(0, 'UTC')) COMMENT 'the hour in which its job was accepted',
    opens Int8 MATERIALIZED multiIf(
        type = 'qb.job.accepted.v1', 1,
        type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.expired.v1') OR (
            type = 'qb.job.cancelled.v1' AND JSONExtractString(data, 'accepted_at') != ''), -1,
        0) COMMENT '1 where a job was accepted, -1 where an accepted one ended: the sum is the number of open jobs',
    charge_hour DateTime('UTC') MATERIALIZED if(charge IS NULL, toDateTime(0, 'UTC'), case_hour),
    fell_back UInt8 MATERIALIZED type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
        AND JSONLength(data, 'fallback', 'instead_of') > 0,
    about_backend UInt8 MATERIALIZED startsWith(type, 'qb.backend.') COMMENT 'few rows, which an index finds',

    CONSTRAINT generation CHECK generation = '{generation}',
    INDEX by_job job TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_stored_at stored_at TYPE minmax GRANULARITY 1,
    INDEX by_case_at case_at TYPE minmax GRANULARITY 1,
    INDEX by_type type TYPE set(100) GRANULARITY 1,
    INDEX by_backend_fact about_backend TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY intDiv(seq, 10000000)
ORDER BY seq
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'queuebit schema {version}, generation {generation}'
