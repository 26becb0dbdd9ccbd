"""Log records and the message that is handled: lines of text or JSON, counts by level, rows for the warehouse."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import deque
from datetime import UTC, datetime
from typing import Final, Literal

from opentelemetry.trace import get_current_span
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.subjects import parse
from queuebit_runtime.delivery import current
from queuebit_runtime.metrics import Metrics

__all__ = ["CountRecords", "JsonLines", "KeepRecords", "LogSettings", "context_of_record", "write_logs"]

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""The form of a line of text."""

_PROVENANCE = re.compile(rb'"provenanceid"\s*:\s*"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,128})"')
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_OF_JOBS = frozenset({"job", "command", "hybrid"})


_KEPT: Final = 2_000
"""The most records that wait for the bus."""
_EACH_SECOND: Final = 20
"""Records below a warning that are kept each second."""
_BATCH, _LONGEST = 50, 2_000
"""Records in one message, and characters of a text: far below the largest message, whatever the texts hold."""
_SEVERITIES: Final = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
"""OpenTelemetry's numbers."""


class LogSettings(BaseSettings):
    """How all services of an installation write their logs."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_LOG_", frozen=True, extra="forbid")

    format: Literal["text", "json"] = "text"
    """`json`: one object a line, with the ids of trace and provenance."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Records below this level are not written."""


def context_of_record() -> dict[str, str]:
    """Where a record belongs: the trace, and the message that is handled with its tenant, job and provenance id."""
    found: dict[str, str] = {}
    span = get_current_span().get_span_context()
    if span.is_valid:
        found |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    if (here := current.get(None)) is None:
        return found
    address = parse(here.subject)
    found["durable"] = here.consumer
    if address.tenant:
        found["tenant"] = address.tenant
    if address.id and address.noun in _OF_JOBS:
        found["job"] = address.id
    if provenance := _PROVENANCE.search(here.body):
        found["provenance_id"] = provenance[1].decode()
    return found


class JsonLines(logging.Formatter):
    """One JSON object a line. Its time is local, as that of a line of text, so that both sort together."""

    def __init__(self, service: str = "") -> None:
        super().__init__()
        self.service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self.service,
            "logger": record.name,
            "message": record.getMessage(),
            **context_of_record(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)  # ASCII: escapes what no terminal should receive


class KeepRecords(logging.Handler):
    """Keeps records for the warehouse until `take`: all warnings and errors, and some of the others.

    Of too many, the oldest are dropped first.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service
        self._kept: deque[dict[str, object]] = deque(maxlen=_KEPT)
        self._second, self._in_second = 0, 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING and not self._has_room(int(record.created)):
            return
        context = context_of_record()
        trace, span = context.pop("trace_id", ""), context.pop("span_id", "")
        if record.exc_info:
            context["exception"] = logging.Formatter().formatException(record.exc_info)[-_LONGEST:]
        self._kept.append(
            {
                "Timestamp": int(record.created * 1e9),
                "TraceId": trace,
                "SpanId": span,
                "SeverityText": record.levelname,
                "SeverityNumber": _SEVERITIES.get(record.levelname, 0),
                "ServiceName": self._service,
                "ScopeName": record.name,
                "Body": _sound(record.getMessage()[:_LONGEST]),
                "LogAttributes": {f"queuebit.{name}": _sound(it) for name, it in context.items()},
            }
        )

    def take(self) -> list[dict[str, object]]:
        """The rows of the next message, the oldest first; none if nothing was kept."""
        return [self._kept.popleft() for _ in range(min(_BATCH, len(self._kept)))]

    def _has_room(self, second: int) -> bool:
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return self._in_second <= _EACH_SECOND


class CountRecords(logging.Handler):
    """Counts records by level."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._records = metrics.counter("queuebit_log_records_total", "Lines written to the log, by level.", "level")

    def emit(self, record: logging.LogRecord) -> None:
        self._records.add(record.levelname.lower())


def write_logs(settings: LogSettings, service: str = "", *further: logging.Handler) -> None:
    """Write all records of this process to standard error in the form of the settings, and give them to `further`.

    It replaces what an earlier call set up.
    """
    written = logging.StreamHandler(sys.stderr)
    written.setFormatter(JsonLines(service) if settings.format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=settings.level, handlers=[written, *further], force=True)


def _sound(text: str) -> str:
    """A text without half a surrogate pair, which no encoding has, and without control characters but line breaks.

    JSON has six bytes for each of these, so that a batch of them would be larger than a message may be.
    """
    return _CONTROL.sub("\ufffd", text.encode(errors="replace").decode())
