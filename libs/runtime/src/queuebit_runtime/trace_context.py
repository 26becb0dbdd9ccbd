"""The current W3C trace context, without the OpenTelemetry SDK."""

from __future__ import annotations

import re
from collections.abc import Mapping

from opentelemetry import trace

__all__ = ["TRACEPARENT", "current_traceparent", "traceparent_in"]

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
"""The W3C form of any version: trace, span and flags."""


def current_traceparent() -> str | None:
    """The current span in W3C form; None outside a span."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def traceparent_in(headers: Mapping[str, str] | None) -> str | None:
    """The trace context in a sender's headers, if it has the W3C form."""
    traceparent = (headers or {}).get("traceparent", "")
    return traceparent if TRACEPARENT.fullmatch(traceparent) else None
