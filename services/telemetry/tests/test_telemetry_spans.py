"""Spans and lines of logs that wait for others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import orjson
import pytest

from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.log_records import KeepRecords
from queuebit_runtime.tracing import Tracing, whose
from queuebit_telemetry.handlers import KeepSpans
from queuebit_telemetry.spans import LogLine, Span


class MemoryTraces:
    """Keeps spans; refuses the first inserts."""

    def __init__(self, refusals: int = 0) -> None:
        self.inserts: list[list[Span]] = []
        self.lines: list[LogLine] = []
        self._refusals = refusals

    async def add_spans(self, spans: Sequence[Span], token: str) -> None:
        if self._refusals:
            self._refusals -= 1
            raise Unavailable("no answer")
        self.inserts.append([*spans])

    async def add_lines(self, lines: Sequence[LogLine], token: str) -> None:
        self.lines += lines


def body(service: str, jobs: int, *, failed: bool = False) -> bytes:
    """One message of a service: a span for each job."""
    tracing = Tracing(service)
    for number in range(jobs):
        try:
            with tracing.span(f"{service} work", f"00-{number + 1:032x}-{1:016x}-01", whose("acme", f"j{number}")):
                if failed:
                    raise Unavailable("no backend")  # what fails is the work inside the span
        except Unavailable:
            continue
    rows: list[object] = []
    while more := tracing.take():
        rows += more
    return orjson.dumps(rows)


async def test_many_spans_wait_for_no_more() -> None:
    traces = MemoryTraces()
    keep = KeepSpans(traces, 3600, apart_s=3600)
    first = asyncio.create_task(keep(body("broker", 1_000), 1))
    await asyncio.sleep(0)
    assert not first.done()
    await asyncio.gather(first, keep(body("executor", 2_000), 2))
    assert [len(it) for it in traces.inserts] == [3_000]


async def test_at_the_end_of_the_process_nothing_waits() -> None:
    traces = MemoryTraces()
    keep = KeepSpans(traces, 3600, apart_s=3600)
    first = asyncio.create_task(keep(body("broker", 1), 1))
    await asyncio.sleep(0)
    keep.hurry()
    async with asyncio.timeout(5):
        await first
        await keep(body("executor", 1), 2)
    assert [len(it) for it in traces.inserts] == [1, 1]


async def test_every_job_is_whole_the_good_and_the_failed() -> None:
    traces = MemoryTraces()
    keep = KeepSpans(traces, 0)
    await asyncio.gather(keep(body("broker", 100), 1), keep(body("executor", 100, failed=True), 2))
    kept = [span for insert in traces.inserts for span in insert]
    assert {span.SpanAttributes["queuebit.tenant"] for span in kept} == {"acme"}
    for number in range(100):
        own = [it for it in kept if it.SpanAttributes["queuebit.job"] == f"j{number}"]
        assert {(it.ServiceName, it.StatusCode) for it in own} == {("broker", "Unset"), ("executor", "Error")}
        assert {it.TraceId for it in own} == {f"{number + 1:032x}"}


async def test_spans_that_were_not_stored_are_no_longer_counted() -> None:
    traces = MemoryTraces(refusals=1)
    keep = KeepSpans(traces, 0)
    with pytest.raises(Unavailable):
        await keep(body("broker", 1), 1)
    with pytest.raises(Malformed):
        await keep(b"{}", 2)
    await keep(body("broker", 1), 1)
    assert [len(it) for it in traces.inserts] == [1]


async def test_lines_of_a_log_travel_with_spans_and_are_stored_apart() -> None:
    traces, kept = MemoryTraces(), KeepRecords("broker")
    kept.handle(logging.LogRecord("queuebit_broker", logging.WARNING, "", 1, "no %s \ud83d", ("place",), None))
    keep = KeepSpans(traces, 0)
    await asyncio.gather(keep(orjson.dumps(kept.take()), 1), keep(body("broker", 2), 2))
    assert [len(it) for it in traces.inserts] == [2]
    (line,) = traces.lines
    assert (line.ServiceName, line.ScopeName, line.SeverityNumber) == ("broker", "queuebit_broker", 13)
    assert line.Body == "no place ?"
