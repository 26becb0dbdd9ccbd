"""OpenTelemetry spans of every hop, sent over the bus to the warehouse.

Span names have low cardinality: the consumer, not the concrete subject. Tenant and job are the attributes
`queuebit.tenant` and `queuebit.job`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Token
from types import TracebackType

import orjson
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from queuebit_contracts.subjects import parse
from queuebit_contracts.subjects import trace as trace_subject
from queuebit_runtime.connection import Client, JetStreamError, NatsError
from queuebit_runtime.trace_context import TRACEPARENT

__all__ = ["TRACES", "OpenSpan", "Tracing", "whose"]

_log = logging.getLogger(__name__)

_IN_EVENT = re.compile(rb'"traceparent"\s*:\s*"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')

_BATCH = 500
"""Spans in one message: about 250 KB, far below the largest payload, even if all have the longest description."""

_LONGEST_STATUS = 500
"""Characters of the reason of a failure."""

TRACES = "TRACES"
"""The stream that carries spans."""

_NOT_SAMPLED = f"00-{1:032x}-{1:016x}-00"
"""A parent under which nothing is recorded."""

_KEPT = 20_000
"""The most spans kept while the bus is down; the oldest are dropped first."""


class OpenSpan:
    """A span that lasts as long as its context; spans that open inside are its children.

    It is an error if the context ends with an exception. A class, because the tracer's own context manager takes a
    third of a span's processor time.
    """

    __slots__ = ("_attributes", "_kind", "_name", "_outer", "_parent", "_span", "_tracer")

    def __init__(
        self, tracer: Tracer, name: str, kind: SpanKind, parent: Context | None, attributes: Mapping[str, str]
    ) -> None:
        self._tracer, self._name, self._kind = tracer, name, kind
        self._parent, self._attributes = parent, attributes

    def __enter__(self) -> None:
        self._span = self._tracer.start_span(self._name, self._parent, self._kind, self._attributes)
        self._outer: Token[Context] = attach(set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        detach(self._outer)
        if error is not None:
            text = f"{type(error).__name__}: {error}"[:_LONGEST_STATUS].encode(errors="replace").decode()
            self._span.set_status(Status(StatusCode.ERROR, text))  # without half a surrogate pair
        self._span.end()


class Tracing(SpanProcessor):
    """The tracer of one process. Spans that cannot be delivered are dropped."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._ended: deque[ReadableSpan] = deque(maxlen=_KEPT)
        provider = TracerProvider(
            sampler=ParentBased(ALWAYS_ON), resource=Resource({"service.name": service}), shutdown_on_exit=False
        )
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer("queuebit")

    def delivery(self, consumer: str, subject: str, headers: Mapping[str, str] | None, body: bytes = b"") -> OpenSpan:
        """The span of one delivery, as a child of the sending hop: by its header, else by the event's field.

        Messages with spans get no span: it would be sent as another message, without end.
        """
        it = parse(subject)
        parent = _NOT_SAMPLED if it.noun == "trace" else _parent(headers, body)
        attributes = {"messaging.system": "nats", "messaging.destination.name": consumer}
        if it.tenant:
            attributes |= whose(it.tenant, it.id if it.noun in ("job", "command") else "")
        return OpenSpan(self._tracer, f"{consumer} process", SpanKind.CONSUMER, _context(parent), attributes)

    def span(self, name: str, traceparent: str | None = None, attributes: Mapping[str, str] | None = None) -> OpenSpan:
        """A span under `traceparent`, or else under the current span."""
        parent = _context(traceparent) if traceparent else None
        return OpenSpan(self._tracer, name, SpanKind.INTERNAL, parent, attributes or {})

    def on_end(self, span: ReadableSpan) -> None:
        self._ended.append(span)

    def take(self) -> list[dict[str, object]]:
        """Take the rows of the next message; none if no span has ended."""
        return [_row(self._ended.popleft(), self._service) for _ in range(min(_BATCH, len(self._ended)))]

    async def flush(self, client: Client) -> None:
        """Send the spans that have ended."""
        while rows := self.take():
            try:
                await client.jetstream(timeout=2).publish(
                    trace_subject(self._service), orjson.dumps(rows), stream=TRACES
                )
            except (NatsError, JetStreamError) as error:
                _log.debug("%d spans dropped: %r", len(rows), error)
                return

    async def run(self, client: Client, every_s: float = 1.0) -> None:
        """Send ended spans until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            with suppress(NatsError):
                await self.flush(client)


def whose(tenant: str, job: str = "") -> dict[str, str]:
    """The attributes of a span that serves a tenant, and one of its jobs."""
    return {"queuebit.tenant": tenant, **({"queuebit.job": job} if job else {})}


def _parent(headers: Mapping[str, str] | None, body: bytes) -> str | None:
    """The trace context of a message. The body is not parsed here: it is untrusted, and is parsed once, later."""
    if named := (headers or {}).get("traceparent"):
        return named
    found = _IN_EVENT.search(body)
    return found[1].decode() if found else None


def _context(traceparent: str | None) -> Context:
    """The context with the given parent; it is empty if that is none."""
    found = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return Context()
    parent = SpanContext(int(found[1], 16), int(found[2], 16), True, TraceFlags(int(found[3], 16)))
    return set_span_in_context(NonRecordingSpan(parent), Context()) if parent.is_valid else Context()


def _row(span: ReadableSpan, service: str) -> dict[str, object]:
    """The row of `otel_traces` for a span that has ended."""
    context = span.get_span_context()
    if context is None or span.start_time is None or span.end_time is None:
        raise ValueError("a span that has ended has a context and both times")
    return {
        "Timestamp": span.start_time,
        "TraceId": f"{context.trace_id:032x}",
        "SpanId": f"{context.span_id:016x}",
        "ParentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "SpanName": span.name,
        "SpanKind": span.kind.name.capitalize(),
        "ServiceName": service,
        "SpanAttributes": {**(span.attributes or {})},
        "Duration": span.end_time - span.start_time,
        "StatusCode": span.status.status_code.name.capitalize(),
        "StatusMessage": span.status.description or "",
    }
