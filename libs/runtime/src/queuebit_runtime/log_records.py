"""Log records with the message that is handled: as lines of text or JSON, and counted by level."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from opentelemetry.trace import get_current_span
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.subjects import parse
from queuebit_runtime.delivery import current
from queuebit_runtime.metrics import Metrics

__all__ = ["CountRecords", "JsonLines", "LogSettings", "context_of_record", "write_logs"]

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""The form of a line of text."""

_PROVENANCE = re.compile(rb'"provenanceid"\s*:\s*"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,128})"')
_OF_JOBS = frozenset({"job", "command", "hybrid"})


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
