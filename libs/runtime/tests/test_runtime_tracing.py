"""What leaves a span, and what must not."""

from __future__ import annotations

import pytest

from queuebit_contracts.topology import topology
from queuebit_runtime.tracing import TRACES, Tracing

SAMPLED = {"traceparent": f"00-{7:032x}-{8:016x}-01"}
BY_STREAM = {name: durable.stream for name, durable in topology().durable.items()}


@pytest.mark.parametrize("headers", [None, SAMPLED])
@pytest.mark.parametrize("consumer", [name for name, stream in BY_STREAM.items() if stream == TRACES])
def test_spans_that_arrive_leave_none(consumer: str, headers: dict[str, str] | None) -> None:
    tracing = Tracing("telemetry")
    with tracing.delivery(consumer, "qb.trace.broker", headers), tracing.span("insert"):
        pass
    assert not tracing._ended


@pytest.mark.parametrize("consumer", [name for name, stream in BY_STREAM.items() if stream != TRACES])
def test_any_other_delivery_leaves_one_under_its_sender(consumer: str) -> None:
    tracing = Tracing("broker")
    with tracing.delivery(consumer, "qb.proof.main.checkpointed", SAMPLED):
        pass
    (row,) = tracing._ended
    assert (row["SpanName"], row["TraceId"], row["ParentSpanId"]) == (f"{consumer} process", f"{7:032x}", f"{8:016x}")
    assert not {key for key in row["SpanAttributes"] if key.startswith("queuebit.")}


@pytest.mark.parametrize(
    ("subject", "whose"),
    [
        ("qb.job.acme.j1.submitted", {"queuebit.tenant": "acme", "queuebit.job": "j1"}),
        ("qb.job.acme.j1.placed.aer", {"queuebit.tenant": "acme", "queuebit.job": "j1"}),
        ("qb.command.acme.j1.cancel", {"queuebit.tenant": "acme", "queuebit.job": "j1"}),
        ("qb.account.acme.main.held", {"queuebit.tenant": "acme"}),
    ],
)
def test_a_delivery_tells_whose_it_is(subject: str, whose: dict[str, str]) -> None:
    tracing = Tracing("broker")
    with tracing.delivery("broker-submitted", subject, None):
        pass
    (row,) = tracing._ended
    assert {key: value for key, value in row["SpanAttributes"].items() if key.startswith("queuebit.")} == whose


@pytest.mark.parametrize("headers", [None, {}, {"Nats-Msg-Id": "x"}])
def test_without_a_header_the_trace_context_of_the_event_counts(headers: dict[str, str] | None) -> None:
    tracing = Tracing("broker")
    event = b'{"specversion": "1.0", "traceparent": "%s", "data": {}}' % SAMPLED["traceparent"].encode()
    with tracing.delivery("broker-submitted", "qb.job.acme.j1.submitted", headers, event):
        pass
    (row,) = tracing._ended
    assert (row["TraceId"], row["ParentSpanId"]) == (f"{7:032x}", f"{8:016x}")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b'{"traceparent": "nonsense"}'])
def test_a_body_without_a_trace_context_begins_a_trace(body: bytes) -> None:
    tracing = Tracing("broker")
    with tracing.delivery("broker-submitted", "qb.job.acme.j1.submitted", None, body):
        pass
    (row,) = tracing._ended
    assert row["ParentSpanId"] == ""
