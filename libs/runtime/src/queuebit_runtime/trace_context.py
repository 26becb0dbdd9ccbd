"""The W3C trace context of the moment, without the weight of the SDK."""

from __future__ import annotations

from opentelemetry import trace

__all__ = ["current_traceparent"]


def current_traceparent() -> str | None:
    """The current span in W3C form, or nothing outside a span."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
