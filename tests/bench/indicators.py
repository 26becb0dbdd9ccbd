"""The time of each indicator over ten million events of 30 days and 20 tenants, with the engine of the warehouse."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.bench.report import Report, percentile

from queuebit_contracts.case_sums import ADD_CASES
from queuebit_contracts.indicators import INDICATORS, Indicator, counts, sums
from queuebit_contracts.kept_cases import KEPT, keep_cases
from queuebit_contracts.tables import statements
from queuebit_telemetry.summing import ENOUGH, MOST
from queuebit_warehouse.engine import Connection, connect

__all__ = ["measure_indicators"]

BEGAN: Final = datetime(2026, 6, 1, tzinfo=UTC)
DAYS: Final = 30
BATCH: Final = 500_000
ROUNDS: Final = 7

LIVES: Final = """
INSERT INTO events
    (seq, stored_at, event_time, event_id, type, source, subject, tenant, job, traceparent, project, backend, data,
        generation)
SELECT
    number + 1 AS seq,
    toDateTime64({began:UInt32}, 6, 'UTC') + toIntervalMicrosecond(number * {apart:UInt64}) AS at,
    at,
    toString(seq),
    ['qb.job.submitted.v1', 'qb.account.held.v1', 'qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.started.v1',
     'qb.job.completed.v1', 'qb.job.metered.v1', 'qb.job.sealed.v2'][1 + number % 8] AS type,
    'qb/bench',
    concat('qb.job.', tenant, '.', job),
    concat('t', toString(intDiv(number, 8) % 20)) AS tenant,
    concat('j', toString(intDiv(number, 8))) AS job,
    concat('00-', lower(leftPad(hex(intDiv(number, 8)), 32, '0')), '-0000000000000001-01'),
    if(type IN ('qb.job.accepted.v1', 'qb.job.metered.v1'), 'main', ''),
    if(type IN ('qb.job.submitted.v1', 'qb.job.sealed.v2'), '', concat('backend-', toString(intDiv(number, 160) % 5))),
    multiIf(
        type = 'qb.job.completed.v1', concat(
            '{"submitted_at":"', toString(at - toIntervalSecond(2)),
            '","accepted_at":"', toString(at - toIntervalMicrosecond(3 * {apart:UInt64})),
            '","started_at":"', toString(at - toIntervalMillisecond(seq % 1800)),
            '","workload_class":"', class, '","terms":{"project":"main"},"attempt":1,"expected_ms":1500,',
            '"calibration":"', toString(toDate(at)), '"}'),
        type = 'qb.job.metered.v1', concat('{"workload_class":"', class,
            '","charge":{"amount":"0.3","currency":"USD","jbu":"0","lines":[{"billed":"3","unit_price":"0.1","amount":"0.3"}]}}'),
        type = 'qb.job.sealed.v2', concat('{"workload_class":"', class,
            '","text":"{\\\\"predicate\\\\":{\\\\"outcome\\\\":{\\\\"state\\\\":\\\\"completed\\\\"}}}"}'),
        concat('{"workload_class":"', class, '"}')),
    'bench'
FROM (SELECT number, ['production', 'experimental', 'interactive', 'batch'][1 + intDiv(number, 800) % 4] AS class
    FROM numbers({first:UInt64}, {batch:UInt64}))
"""
"""Lives of jobs of eight events each, evenly over the days."""

BACKENDS: Final = """
INSERT INTO events (seq, stored_at, event_time, event_id, type, backend, data, generation)
SELECT * EXCEPT (made)
FROM (SELECT
    {events:UInt64} + 1 + number AS seq,
    toDateTime64({began:UInt32}, 6, 'UTC') + toIntervalDay({days:UInt64}) AS at,
    at,
    toString(seq),
    if(number < 5, 'qb.backend.registered.v1', 'qb.backend.calibrated.v1') AS type,
    concat('backend-', toString(number % 5)) AS backend,
    toDateTime({began:UInt32}, 'UTC') + toIntervalDay(intDiv(number, 5) - 1) AS made,
    if(number < 5, '{"kind":"device","vendor":"acme"}', concat(
        '{"digest":"', toString(toDate(made)), '","calibrated_at":"', toString(made), '"}')),
    'bench'
FROM numbers(5 + 5 * {days:UInt64}))
"""
"""Five devices, each with a calibration every day."""

SPANS: Final = """
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, Duration)
SELECT now64(9), lower(leftPad(hex(number), 32, '0')), '1', 'run', 'executor-aer', 1
FROM numbers({jobs:UInt64}) WHERE number % 1000 != 0
"""
"""A span of an executor in the trace of each job, but for one of a thousand; of now, as older ones are deleted."""


def measure_indicators(report: Report, events: int) -> None:
    """Fill the table `events`, then ask for each indicator over all days, for every tenant."""
    report.heading(f"Indicators over {events:,} events of {DAYS} days and 20 tenants")
    apart = str(DAYS * 86_400_000_000 // events)
    with tempfile.TemporaryDirectory(prefix="queuebit-bench-") as folder:
        engine = connect(f"{folder}/warehouse")
        for statement in statements("bench"):
            engine.query(statement, "Null")
        began = time.perf_counter()
        for first in range(0, events, BATCH):
            batch = str(min(BATCH, events - first))
            values = {"began": str(int(BEGAN.timestamp())), "apart": apart, "first": str(first), "batch": batch}
            engine.query(LIVES, "Null", params=values)
        facts = {"began": str(int(BEGAN.timestamp())), "events": str(events), "days": str(DAYS)}
        engine.query(BACKENDS, "Null", params=facts)
        engine.query(SPANS, "Null", params={"jobs": str(events // 8)})
        report.add("rows inserted", f"{events / (time.perf_counter() - began):,.0f} rows/s")
        _sum(engine, events, report)
        _keep(engine, report)
        for indicator in INDICATORS.values():
            took, used = [], []
            for _ in range(ROUNDS):
                asked, began_at = time.perf_counter(), time.process_time()
                engine.query(_query(indicator), "JSONEachRow")
                took.append((time.perf_counter() - asked) * 1000)
                used.append((time.process_time() - began_at) * 1000)
            figure = f"p50 {percentile(took, 0.5):.1f} ms, best {min(took):.1f} ms, processor {min(used):.1f} ms"
            report.add(indicator.id, figure, "floor: 50 ms")
        engine.close()


def _sum(engine: Connection, events: int, report: Report) -> None:
    """As telemetry does, but for the newest events, which it adds a minute later."""
    began = time.perf_counter()
    through = events - ENOUGH
    for after in range(0, through, MOST):
        part = {"after": str(after), "through": str(min(after + MOST, through))}
        engine.query(f"{ADD_CASES} SETTINGS max_insert_threads = 1, async_insert = 0", "Null", params=part)
    report.add("events summed", f"{through / (time.perf_counter() - began):,.0f} events/s")


def _keep(engine: Connection, report: Report) -> None:
    """As telemetry does after a hundred times as long."""
    for number, indicator in enumerate(KEPT):
        began = time.perf_counter()
        keeping = {"keeping": str(number)}
        engine.query(f"{keep_cases(indicator)} SETTINGS max_insert_threads = 1", "Null", params=keeping)
        report.add(f"{indicator} kept", f"{(time.perf_counter() - began) * 1000:,.0f} ms")


def _query(indicator: Indicator) -> str:
    if indicator.kind == "value":
        return f"SELECT * FROM {sums(indicator.id, BEGAN + timedelta(hours=1), BEGAN + timedelta(days=DAYS, hours=-1))}"
    since, until = BEGAN + timedelta(minutes=11), BEGAN + timedelta(days=DAYS, minutes=-7)
    return f"SELECT * FROM {counts(indicator.id, since, until, 2000 if indicator.kind == 'duration' else None)}"
