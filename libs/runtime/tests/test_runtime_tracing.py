"""What leaves a span, and what must not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider

from queuebit_contracts.topology import topology
from queuebit_kernel import Unavailable
from queuebit_runtime.trace_context import current_traceparent
from queuebit_runtime.tracing import TRACES, Tracing

SAMPLED = {"traceparent": f"00-{7:032x}-{8:016x}-01"}
BY_STREAM = {name: durable.stream for name, durable in topology().durable.items()}


def _attributes(row: Mapping[str, object]) -> Mapping[str, str]:
    attributes = row["SpanAttributes"]
    assert isinstance(attributes, Mapping)
    return attributes


@pytest.mark.parametrize("headers", [None, SAMPLED])
@pytest.mark.parametrize("consumer", [name for name, stream in BY_STREAM.items() if stream == TRACES])
def test_spans_that_arrive_leave_none(consumer: str, headers: dict[str, str] | None) -> None:
    tracing = Tracing("telemetry")
    with tracing.delivery(consumer, "qb.trace.broker", headers), tracing.span("insert"):
        pass
    assert not tracing.take()


@pytest.mark.parametrize("consumer", [name for name, stream in BY_STREAM.items() if stream != TRACES])
def test_any_other_delivery_leaves_one_under_its_sender(consumer: str) -> None:
    tracing = Tracing("broker")
    with tracing.delivery(consumer, "qb.proof.main.checkpointed", SAMPLED):
        pass
    (row,) = tracing.take()
    assert (row["SpanName"], row["TraceId"], row["ParentSpanId"]) == (f"{consumer} process", f"{7:032x}", f"{8:016x}")
    assert not {key for key in _attributes(row) if key.startswith("queuebit.")}


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
    (row,) = tracing.take()
    assert {key: value for key, value in _attributes(row).items() if key.startswith("queuebit.")} == whose


@pytest.mark.parametrize("headers", [None, {}, {"Nats-Msg-Id": "x"}])
def test_without_a_header_the_trace_context_of_the_event_counts(headers: dict[str, str] | None) -> None:
    tracing = Tracing("broker")
    event = b'{"specversion": "1.0", "traceparent": "%s", "data": {}}' % SAMPLED["traceparent"].encode()
    with tracing.delivery("broker-submitted", "qb.job.acme.j1.submitted", headers, event):
        pass
    (row,) = tracing.take()
    assert (row["TraceId"], row["ParentSpanId"]) == (f"{7:032x}", f"{8:016x}")


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b'{"traceparent": "nonsense"}'])
def test_a_body_without_a_trace_context_begins_a_trace(body: bytes) -> None:
    tracing = Tracing("broker")
    with tracing.delivery("broker-submitted", "qb.job.acme.j1.submitted", None, body):
        pass
    (row,) = tracing.take()
    assert row["ParentSpanId"] == ""


async def test_a_span_is_a_child_of_the_one_it_opened_in_and_of_no_other() -> None:
    tracing = Tracing("broker")

    async def hop(job: str) -> None:
        with tracing.span("outer", attributes={"queuebit.job": job}):
            outside = current_traceparent()
            await asyncio.sleep(0)
            assert current_traceparent() == outside is not None
            with tracing.span("inner", attributes={"queuebit.job": job}):
                await asyncio.sleep(0)

    await asyncio.gather(hop("j1"), hop("j2"))
    assert current_traceparent() is None
    rows = tracing.take()
    outer = {_attributes(it)["queuebit.job"]: it for it in rows if it["SpanName"] == "outer"}
    for inner in (it for it in rows if it["SpanName"] == "inner"):
        above = outer[_attributes(inner)["queuebit.job"]]
        assert (inner["TraceId"], inner["ParentSpanId"]) == (above["TraceId"], above["SpanId"])
    assert len({it["SpanId"] for it in rows}) == 4
    assert len({it["TraceId"] for it in rows}) == 2


def test_a_failure_is_the_status_of_its_span() -> None:
    tracing = Tracing("broker")
    with (
        pytest.raises(Unavailable),
        tracing.delivery("broker-submitted", "qb.job.acme.j1.submitted", None),
    ):
        raise Unavailable("no \ud800 answer" + 1000 * "!")
    (row,) = orjson.loads(orjson.dumps(tracing.take()))
    assert row["StatusCode"] == "Error"
    assert row["StatusMessage"].startswith("Unavailable: no ? answer!")
    assert len(row["StatusMessage"]) == 500


@pytest.mark.parametrize("nothing", [f"00-{0:032x}-{8:016x}-01", f"00-{7:032x}-{0:016x}-01", "nonsense"])
def test_a_parent_that_is_none_begins_a_trace(nothing: str) -> None:
    tracing = Tracing("broker")
    with tracing.span("place", nothing):
        pass
    (row,) = tracing.take()
    assert row["ParentSpanId"] == ""
    assert row["TraceId"] not in (f"{7:032x}", f"{0:032x}")


def test_the_span_of_an_application_is_the_context_outside_ours() -> None:
    with TracerProvider(shutdown_on_exit=False).get_tracer("app").start_as_current_span("request") as span:
        context, application = span.get_span_context(), current_traceparent()
        assert application == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        with Tracing("broker").span("place", f"00-{5:032x}-{6:016x}-01"):
            own = current_traceparent()
            assert own is not None
            assert own.startswith(f"00-{5:032x}-")
        assert current_traceparent() == application
    assert current_traceparent() is None
