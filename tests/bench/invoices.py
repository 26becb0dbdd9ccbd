"""The time to compute an invoice over a million usage facts, with the engine of the warehouse."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from typing import Any

from tests.bench.report import Report

from queuebit_billing import Bounds, Usage, agreement_lines, build, faults
from queuebit_billing.queries import COUNTED, DAYS, LINES, consumed, counted, usage_sums
from queuebit_contracts.tables import statements
from queuebit_pricing import parse
from queuebit_warehouse.engine import Connection, connect

__all__ = ["measure_invoices"]

BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
BATCH = 500_000
BOOK = """
version = "2026-10-01"
currency = "USD"
[[price]]
id = "p0"
backend = "b0"
valid_from = 2026-01-01T00:00:00Z
source = "bench"
as_of = 2026-01-01
confidence = "high"
per_task = "0.3"
[[agreement]]
id = "volume"
tenant = "t1"
valid_from = 2026-01-01
source = "bench"
as_of = 2026-01-01
confidence = "high"
discount = [{ prices = "*", percent = "10" }]
"""

FACTS = """
INSERT INTO events
    (seq, stored_at, event_time, event_id, type, source, subject, tenant, job, project, backend, data, generation)
SELECT
    number + 1 AS seq,
    toDateTime64({began:UInt32}, 6, 'UTC') + toIntervalMillisecond(number * 1200) AS at,
    at,
    toString(generateUUIDv4(number)),
    ['qb.job.completed.v1', 'qb.job.metered.v1'][1 + number % 2] AS type,
    'qb/bench',
    concat('qb.job.t1.', job),
    't1',
    concat('j', toString(intDiv(number, 2))) AS job,
    concat('project-', toString(intDiv(number, 2) % 20)) AS project,
    concat('b', toString(intDiv(number, 2) % 10)) AS backend,
    if(type = 'qb.job.metered.v1', concat(
        '{"tenant":"t1","project":"', project, '","job":"', job, '","state":"completed","backend":"', backend,
        '","usage":{"shots":1000,"qpu_us":2000000,"qubits":5,"final":true},"charge":{"amount":"0.725","currency":"USD",',
        '"jbu":"1","lines":[{"price":"p', toString(intDiv(number, 2) % 10), '","component":"task","unit":"Tasks",',
        '"consumed":"1","billed":"1","unit_price":"0.3","amount":"0.3"},{"price":"p', toString(intDiv(number, 2) % 10),
        '","component":"shot","unit":"Shots","consumed":"1000","billed":"1000","unit_price":"0.000425",',
        '"amount":"0.425"}]},"price_book":"sha256:', repeat('ab', 32), '","hold":{"amount":"1","currency":"USD"},',
        '"submitted_at":"2026-10-01T00:00:00Z","ended_at":"2026-10-01T00:00:01Z"}'), '{}'),
    'bench'
FROM numbers({first:UInt64}, {batch:UInt64})
"""
"""The end and the bill of each job, in 28 days, of 20 projects on 10 backends."""


def measure_invoices(report: Report, facts: int) -> None:
    """Fill the table `events`, then compute an invoice as `qb invoice run` does, with and without agreements."""
    with tempfile.TemporaryDirectory(prefix="queuebit-bench-") as folder:
        engine = connect(f"{folder}/warehouse")
        for statement in statements("bench"):
            engine.query(statement, "Null")
        began = str(int(BEGAN.timestamp()))
        for first in range(0, 2 * facts, BATCH):
            values = {"began": began, "first": str(first), "batch": str(min(BATCH, 2 * facts - first))}
            engine.query(FACTS, "Null", params=values)
        bounds = Bounds("t1", "2026-10", 2 * facts)
        for name, text in (("", BOOK.partition("[[agreement]]")[0]), (", with agreements", BOOK)):
            began_at = time.perf_counter()
            usage = Usage(
                usage_sums(_rows(engine, LINES, bounds.parameters())),
                counted(_rows(engine, COUNTED, bounds.parameters())),
            )
            book = parse(text)
            agreements = agreement_lines(
                bounds, usage, book, lambda since: consumed(_rows(engine, DAYS, bounds.daily(since))), []
            )
            document = build(bounds, usage, agreements, book.digest)
            took = time.perf_counter() - began_at
            if faults(document) or document.facts != facts:
                raise SystemExit(f"the invoice is wrong: {faults(document)}, {document.facts} facts")
            lines = len(document.lines) + len(document.agreed)
            report.add(f"an invoice over {facts:,} usage facts{name}", f"{took:.1f} s ({lines} lines)", "floor: 10 s")
        engine.close()


def _rows(engine: Connection, sql: str, parameters: dict[str, str]) -> list[list[Any]]:
    settings = " SETTINGS output_format_json_quote_decimals = 1"
    answer = engine.query(sql + settings, "JSONCompact", params=parameters)
    rows: list[list[Any]] = json.loads(answer.bytes())["data"]
    return rows
