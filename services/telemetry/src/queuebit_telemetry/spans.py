"""Copies spans from the bus to the warehouse, many messages in each insert."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from queuebit_kernel import Malformed

__all__ = ["Span", "read_spans"]


class Span(BaseModel):
    """One row of `otel_traces` as services send it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    Timestamp: int = Field(ge=0, lt=2**63)
    """Nanoseconds since 1970."""
    TraceId: str
    SpanId: str
    ParentSpanId: str = ""
    SpanName: str
    SpanKind: str = ""
    ServiceName: str
    SpanAttributes: dict[str, str] = {}
    Duration: int = Field(ge=0, lt=2**64)
    """Nanoseconds."""
    StatusCode: str = ""
    StatusMessage: str = ""


_SPANS = TypeAdapter(list[Span])


def read_spans(body: bytes) -> list[Span]:
    """Read one message of `TRACES`.

    Raises:
        Malformed: it is not a list of spans.
    """
    try:
        return _SPANS.validate_json(body)
    except ValidationError as error:
        raise Malformed(f"not a list of spans: {error!s:.300}") from error
