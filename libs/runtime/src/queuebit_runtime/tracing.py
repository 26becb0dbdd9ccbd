"""OpenTelemetry spans of every hop, sent over the bus to the warehouse.

Span names have low cardinality: the consumer, not the concrete subject. Tenant and job are the attributes
`queuebit.tenant` and `queuebit.job`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from time import time_ns
from types import TracebackType

import orjson
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
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

_FLAGS = TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
"""The flags that this version knows; a trace that begins here has both."""

_NOT_SAMPLED = SpanContext(1, 1, is_remote=True)
"""A parent under which nothing is recorded."""

_IDS, _BEGUN, _UNSET = RandomIdGenerator(), TraceFlags(_FLAGS), Status(StatusCode.UNSET)

_KEPT = 20_000
"""The most spans kept while the bus is down; the oldest are dropped first."""


_Ended = deque[ReadableSpan]


class OpenSpan:
    """A span that lasts as long as its context; spans that open inside are its children.

    It is an error if the context ends with an exception. Only then is the span built, by the SDK's class for spans that
    have ended. The SDK's tracer builds it at the start, ready for events and links that nothing here has, and copies it
    at the end: that takes twice the processor time.
    """

    __slots__ = ("_attributes", "_began", "_context", "_ended", "_kind", "_name", "_outer", "_parent", "_resource")

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        parent: SpanContext | None,
        attributes: Mapping[str, str],
        resource: Resource,
        ended: _Ended,
    ) -> None:
        self._name, self._kind, self._parent, self._attributes = name, kind, parent, attributes
        self._resource, self._ended = resource, ended

    def __enter__(self) -> None:
        parent, number = self._parent, _IDS.generate_span_id()
        if parent is None:
            self._context = SpanContext(_IDS.generate_trace_id(), number, is_remote=False, trace_flags=_BEGUN)
        else:
            self._context = SpanContext(parent.trace_id, number, is_remote=False, trace_flags=parent.trace_flags)
        self._outer: Token[Context] = attach(set_span_in_context(NonRecordingSpan(self._context)))
        self._began = time_ns()

    @property
    def trace(self) -> int:
        """The trace that it belongs to, once it is open; 0 if it is not recorded."""
        return self._context.trace_id if self._context.trace_flags.sampled else 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        detach(self._outer)
        if not self._context.trace_flags.sampled:
            return
        span = ReadableSpan(
            name=self._name,
            context=self._context,
            parent=self._parent,
            resource=self._resource,
            attributes=self._attributes,
            kind=self._kind,
            status=_UNSET if error is None else _failure(error),
            start_time=self._began,
            end_time=time_ns(),
        )
        self._ended.append(span)


class Tracing:
    """The tracer of one process. Spans that cannot be delivered are dropped."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._resource = Resource({"service.name": service})
        self._ended = _Ended(maxlen=_KEPT)
        self._export: Callable[[ReadableSpan], None] | None = None
        self.further: Callable[[], list[dict[str, object]]] = list
        """Takes rows of another table that travel with the spans: lines of the log; none if there are none."""

    def delivery(self, consumer: str, subject: str, headers: Mapping[str, str] | None, body: bytes = b"") -> OpenSpan:
        """The span of one delivery, as a child of the sending hop: by its header, else by the event's field.

        Messages with spans get no span: it would be sent as another message, without end.
        """
        it = parse(subject)
        parent = _NOT_SAMPLED if it.noun == "trace" else _context(_parent(headers, body))
        attributes = {"messaging.system": "nats", "messaging.destination.name": consumer}
        if it.tenant:
            attributes |= whose(it.tenant, it.id if it.noun in ("job", "command") else "")
        return self._open(f"{consumer} process", SpanKind.CONSUMER, parent, attributes)

    def span(self, name: str, traceparent: str | None = None, attributes: Mapping[str, str] | None = None) -> OpenSpan:
        """A span under `traceparent`, or else under the current span."""
        parent = _context(traceparent) if traceparent else _valid(get_current_span().get_span_context())
        return self._open(name, SpanKind.INTERNAL, parent, attributes or {})

    def take(self) -> list[dict[str, object]]:
        """Take the rows of the next message; none if no span has ended."""
        taken = [self._ended.popleft() for _ in range(min(_BATCH, len(self._ended)))]
        if self._export is not None:
            for span in taken:
                self._export(span)
        return [_row(it, self._service) for it in taken]

    def export_to(self, resource: Resource, export: Callable[[ReadableSpan], None]) -> None:
        """Give ended spans to an exporter too, as spans of this resource."""
        self._resource, self._export = resource, export

    async def flush(self, client: Client) -> None:
        """Send the spans that have ended, and further rows."""
        while rows := self.take() or self.further():
            try:
                await client.jetstream(timeout=2).publish(
                    trace_subject(self._service), orjson.dumps(rows), stream=TRACES
                )
            except (NatsError, JetStreamError) as error:
                _log.debug("%d spans or lines dropped: %r", len(rows), error)
                return

    async def run(self, client: Client, every_s: float = 1.0) -> None:
        """Send ended spans until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            with suppress(NatsError):
                await self.flush(client)

    def _open(self, name: str, kind: SpanKind, parent: SpanContext | None, attributes: Mapping[str, str]) -> OpenSpan:
        return OpenSpan(name, kind, parent, attributes, self._resource, self._ended)


def whose(tenant: str, job: str = "") -> dict[str, str]:
    """The attributes of a span that serves a tenant, and one of its jobs."""
    return {"queuebit.tenant": tenant, **({"queuebit.job": job} if job else {})}


def _parent(headers: Mapping[str, str] | None, body: bytes) -> str | None:
    """The trace context of a message. The body is not parsed here: it is untrusted, and is parsed once, later."""
    if named := (headers or {}).get("traceparent"):
        return named
    found = _IN_EVENT.search(body)
    return found[1].decode() if found else None


def _context(traceparent: str | None) -> SpanContext | None:
    """The span that a trace context names; None if it names none."""
    found = TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    flags = TraceFlags(int(found[3], 16) & _FLAGS)
    return _valid(SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags))


def _valid(context: SpanContext) -> SpanContext | None:
    return context if context.is_valid else None


def _failure(error: BaseException) -> Status:
    text = f"{type(error).__name__}: {error}"[:_LONGEST_STATUS]
    return Status(StatusCode.ERROR, text.encode(errors="replace").decode())  # without half a surrogate pair


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
