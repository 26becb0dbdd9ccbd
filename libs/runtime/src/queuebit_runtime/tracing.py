"""Spans of every hop in OpenTelemetry's form, sent over the bus to the warehouse.

Span names have low cardinality: the consumer, not the concrete subject. Tenant and job are the attributes
`queuebit.tenant` and `queuebit.job`. OpenTelemetry's own SDK does not make the spans: it takes ten times as long for
one, and 7 MB in each process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import Literal

import orjson

from queuebit_contracts.subjects import parse
from queuebit_contracts.subjects import trace as trace_subject
from queuebit_runtime.connection import Client, JetStreamError, NatsError
from queuebit_runtime.trace_context import current_traceparent, open_traceparent

__all__ = ["TRACES", "Span", "Tracing", "whose"]

_log = logging.getLogger(__name__)

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_IN_EVENT = re.compile(rb'"traceparent"\s*:\s*"(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})"')
_NO_TRACE, _NO_SPAN = 32 * "0", 16 * "0"

_BATCH = 500
"""Spans in one message: about 250 KB, far below the largest payload, even if all have the longest description."""

_LONGEST_STATUS = 500

TRACES = "TRACES"
"""The stream that carries spans."""

_NOT_SAMPLED = f"00-{1:032x}-{1:016x}-00"
"""A parent under which nothing is recorded."""

_KEPT = 20_000
"""The most spans kept while the bus is down; the oldest are dropped first."""


class Span:
    """One span. It lasts as long as its context; spans that open inside are its children.

    It is an error if the context ends with an exception.
    """

    __slots__ = (
        *("_attributes", "_began", "_error", "_id", "_kind", "_name", "_nanoseconds", "_outer", "_parent", "_started"),
        *("_tracing", "_trace", "traceparent"),
    )

    def __init__(
        self,
        tracing: Tracing,
        name: str,
        kind: Literal["Consumer", "Internal"],
        parent: str | None,
        attributes: Mapping[str, str],
    ) -> None:
        found = _TRACEPARENT.fullmatch(parent) if parent else None
        trace, self._parent, flags = found.groups() if found else ("", "", "01")
        if trace in ("", _NO_TRACE) or self._parent == _NO_SPAN:
            trace, self._parent, flags = os.urandom(16).hex(), "", "01"
        self._tracing = tracing if int(flags, 16) & 1 else None  # the sender records nothing of this trace
        self._name, self._kind, self._attributes = name, kind, attributes
        self._trace, self._id, self._error = trace, os.urandom(8).hex(), ""
        self.traceparent = f"00-{trace}-{self._id}-{flags}"
        """Its context in W3C form."""

    def __enter__(self) -> Span:
        self._outer: Token[str] = open_traceparent.set(self.traceparent)
        self._began, self._started = time.time_ns(), time.perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._nanoseconds = time.perf_counter_ns() - self._started
        open_traceparent.reset(self._outer)
        if error is not None:
            text = f"{type(error).__name__}: {error}"[:_LONGEST_STATUS]
            self._error = text.encode(errors="replace").decode()  # lone surrogates are no JSON
        if self._tracing is not None:
            self._tracing.keep(self)

    def row(self, service: str) -> dict[str, str | int | Mapping[str, str]]:
        """The row of `otel_traces` for a span that has ended."""
        return {
            "Timestamp": self._began,
            "TraceId": self._trace,
            "SpanId": self._id,
            "ParentSpanId": self._parent,
            "SpanName": self._name,
            "SpanKind": self._kind,
            "ServiceName": service,
            "SpanAttributes": self._attributes,
            "Duration": self._nanoseconds,
            "StatusCode": "Error" if self._error else "Unset",
            "StatusMessage": self._error,
        }


class Tracing:
    """The spans of one process. Those that cannot be delivered are dropped."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._ended: deque[Span] = deque(maxlen=_KEPT)

    def delivery(self, consumer: str, subject: str, headers: Mapping[str, str] | None, body: bytes = b"") -> Span:
        """The span of one delivery, as a child of the sending hop: by its header, else by the event's field.

        Messages with spans get no span: it would be sent as another message, without end.
        """
        it = parse(subject)
        parent = _NOT_SAMPLED if it.noun == "trace" else _parent(headers, body)
        attributes = {"messaging.system": "nats", "messaging.destination.name": consumer}
        if it.tenant:
            attributes |= whose(it.tenant, it.id if it.noun in ("job", "command") else "")
        return Span(self, f"{consumer} process", "Consumer", parent, attributes)

    def span(self, name: str, traceparent: str | None = None, attributes: Mapping[str, str] | None = None) -> Span:
        """A span under `traceparent`, or else under the current span."""
        return Span(self, name, "Internal", traceparent or current_traceparent(), attributes or {})

    def keep(self, span: Span) -> None:
        """Keep a span that has ended for the next message."""
        self._ended.append(span)

    def take(self) -> list[dict[str, str | int | Mapping[str, str]]]:
        """Take the rows of the next message; none if no span has ended."""
        return [self._ended.popleft().row(self._service) for _ in range(min(_BATCH, len(self._ended)))]

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
