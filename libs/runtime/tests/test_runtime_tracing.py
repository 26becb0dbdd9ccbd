"""What leaves a span, and what must not."""

from __future__ import annotations

import pytest

from queuebit_contracts.topology import topology
from queuebit_runtime.tracing import TRACES, Tracing

SAMPLED = {"traceparent": f"00-{7:032x}-{8:016x}-01"}
BY_STREAM = {name: durable.stream for name, durable in topology().durable.items()}


@pytest.mark.parametrize("headers", [None, SAMPLED])
@pytest.mark.parametrize("duty", [name for name, stream in BY_STREAM.items() if stream == TRACES])
def test_spans_that_arrive_leave_none(duty: str, headers: dict[str, str] | None) -> None:
    tracing = Tracing("telemetry")
    with tracing.delivery(duty, headers), tracing.span("insert"):
        pass
    assert not tracing._ended


@pytest.mark.parametrize("duty", [name for name, stream in BY_STREAM.items() if stream != TRACES])
def test_any_other_delivery_leaves_one_under_its_sender(duty: str) -> None:
    tracing = Tracing("broker")
    with tracing.delivery(duty, SAMPLED):
        pass
    (row,) = tracing._ended
    assert (row["SpanName"], row["TraceId"], row["ParentSpanId"]) == (f"{duty} process", f"{7:032x}", f"{8:016x}")
