"""The current W3C trace context: of a span of this process, or of an application that uses OpenTelemetry."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar

__all__ = ["current_traceparent", "open_traceparent", "traceparent_in"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

open_traceparent: ContextVar[str] = ContextVar("traceparent", default="")
"""The context of the innermost span that is open in this task; empty outside spans. Only `tracing` sets it."""


def current_traceparent() -> str | None:
    """The current span in W3C form; None outside a span."""
    return open_traceparent.get() or _of_application()


def traceparent_in(headers: Mapping[str, str] | None) -> str | None:
    """The trace context in a sender's headers, if it has the W3C form."""
    traceparent = (headers or {}).get("traceparent", "")
    return traceparent if _TRACEPARENT.fullmatch(traceparent) else None


def _of_application() -> str | None:
    """The current span of an application that has loaded OpenTelemetry, which no part of Queuebit loads."""
    opentelemetry = sys.modules.get("opentelemetry.trace")
    if opentelemetry is None:
        return None
    context = opentelemetry.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
