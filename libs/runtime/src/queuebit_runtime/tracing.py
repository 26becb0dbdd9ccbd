"""OpenTelemetry spans of every hop, sent over the bus to the warehouse.

Span names have low cardinality: the consumer, not the concrete subject. Tenant and job are the attributes
`queuebit.tenant` and `queuebit.job`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from queuebit_contracts.subjects import parse
from queuebit_contracts.subjects import trace as trace_subject
from queuebit_runtime.connection import Client, JetStreamError, NatsError

__all__ = ["TRACES", "Tracing", "whose"]

_log = logging.getLogger(__name__)
_propagator = TraceContextTextMapPropagator()

_IN_EVENT = re.compile(rb'"traceparent"\s*:\s*"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')

_BATCH = 200
"""Spans in one message: about 100 KB, far below the largest payload."""

TRACES = "TRACES"
"""The stream that carries spans."""

_NOT_SAMPLED = f"00-{1:032x}-{1:016x}-00"
"""A parent under which nothing is recorded."""

_KEPT = 20_000
"""The most spans kept while the bus is down; the oldest are dropped first."""


class Tracing(SpanProcessor):
    """The tracer of one process. Spans that cannot be delivered are dropped."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._ended: deque[dict[str, Any]] = deque(maxlen=_KEPT)  # rows of `otel_traces`
        provider = TracerProvider(
            sampler=ParentBased(ALWAYS_ON), resource=Resource({"service.name": service}), shutdown_on_exit=False
        )
        provider.add_span_processor(self)
        self._tracer = provider.get_tracer("queuebit")

    @contextmanager
    def delivery(
        self, consumer: str, subject: str, headers: Mapping[str, str] | None, body: bytes = b""
    ) -> Iterator[trace.Span]:
        """Open the span of one delivery, as a child of the sending hop: by its header, else by the event's field.

        Messages with spans get no span: it would be sent as another message, without end.
        """
        parent = _NOT_SAMPLED if parse(subject).noun == "trace" else _parent(headers, body)
        with self.span(f"{consumer} process", parent, _of_subject(subject), kind=SpanKind.CONSUMER) as span:
            span.set_attribute("messaging.system", "nats")
            span.set_attribute("messaging.destination.name", consumer)
            yield span

    @contextmanager
    def span(
        self,
        name: str,
        traceparent: str | None = None,
        attributes: Mapping[str, str] | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Iterator[trace.Span]:
        """Open a span under `traceparent`, or else under the current span."""
        parent: Context | None = _propagator.extract({"traceparent": traceparent}) if traceparent else None
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=kind,
            attributes=attributes,
            record_exception=False,  # the span's status holds the error
        ) as span:
            yield span

    def on_end(self, span: ReadableSpan) -> None:
        self._ended.append(_row(span, self._service))

    async def flush(self, client: Client) -> None:
        """Send the spans that have ended."""
        while self._ended:
            rows = [self._ended.popleft() for _ in range(min(_BATCH, len(self._ended)))]
            try:
                await client.jetstream(timeout=2).publish(
                    trace_subject(self._service), json.dumps(rows).encode(), stream=TRACES
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


def _of_subject(subject: str) -> dict[str, str]:
    it = parse(subject)
    if not it.tenant:
        return {}
    return whose(it.tenant, it.id if it.noun in ("job", "command") else "")


def _parent(headers: Mapping[str, str] | None, body: bytes) -> str | None:
    """The trace context of a message. The body is not parsed here: it is untrusted, and is parsed once, later."""
    if named := (headers or {}).get("traceparent"):
        return named
    found = _IN_EVENT.search(body)
    return found[1].decode() if found else None


def _row(span: ReadableSpan, service: str) -> dict[str, Any]:  # a row of JSON for the warehouse
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
        "SpanAttributes": {key: str(value) for key, value in (span.attributes or {}).items()},
        "Duration": span.end_time - span.start_time,
        "StatusCode": span.status.status_code.name.capitalize(),
        "StatusMessage": span.status.description or "",
    }
