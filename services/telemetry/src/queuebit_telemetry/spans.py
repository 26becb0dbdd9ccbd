"""Spans and lines of logs as services send them, on their way to the warehouse."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from queuebit_kernel import Malformed

__all__ = ["LogLine", "Span", "read_records"]


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


class LogLine(BaseModel):
    """One row of `otel_logs` as services send it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    Timestamp: int = Field(ge=0, lt=2**63)
    """Nanoseconds since 1970."""
    TraceId: str = ""
    SpanId: str = ""
    SeverityText: str
    SeverityNumber: int = Field(ge=0, le=24)
    ServiceName: str
    ScopeName: str = ""
    Body: str
    LogAttributes: dict[str, str] = {}


_RECORDS = TypeAdapter(list[Span | LogLine])


def read_records(body: bytes) -> tuple[list[Span], list[LogLine]]:
    """Read one message of `TRACES`.

    Raises:
        Malformed: it is not a list of spans and lines.
    """
    try:
        found = _RECORDS.validate_json(body)
    except ValidationError as error:
        raise Malformed(f"not a list of spans or lines of a log: {error!s:.300}") from error
    return [it for it in found if isinstance(it, Span)], [it for it in found if isinstance(it, LogLine)]
