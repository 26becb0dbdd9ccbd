"""Holds what an incident needs: spans and log lines outlive their retention, as copies that name the incident.

Held are the spans and lines of the traces of all jobs that were hit, and every warning and error of the services within
the time of the incident. A copy that is made again is the same row.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from queuebit_contracts.catalog import decode
from queuebit_contracts.wire import UnknownEvent
from queuebit_incidents import Incident, fold
from queuebit_incidents.queries import JOBS
from queuebit_incidents.scope import scope_of
from queuebit_kernel import Clock, Malformed, Unavailable, rfc3339
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.ports import Evidence

__all__ = ["HOLD", "HoldEvidence", "incidents_in"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 3600.0
"""How often open incidents are looked at: less than the shortest retention by far."""
_KEPT: Final = timedelta(days=30)
"""The longest retention: of an incident before that, nothing is left to hold."""

_TRACES: Final = f"""
    SELECT DISTINCT splitByChar('-', traceparent)[2]
    FROM events
    WHERE traceparent != '' AND (tenant, job) IN (SELECT tenant, job FROM ({JOBS}))
"""  # noqa: S608  # of constants
_WITHIN: Final = "Timestamp >= {since:DateTime64(6, 'UTC')} AND Timestamp < {until:DateTime64(6, 'UTC')}"
_SPAN: Final = (
    "Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, SpanAttributes, Duration, StatusCode, "
    "StatusMessage"
)
_LINE: Final = "Timestamp, TraceId, SpanId, SeverityText, SeverityNumber, ServiceName, ScopeName, Body, LogAttributes"

HOLD: Final = (
    f"INSERT INTO otel_traces_held (Incident, {_SPAN})\n"
    f"SELECT {{incident:String}}, {_SPAN} FROM otel_traces WHERE TraceId IN ({_TRACES})",
    f"INSERT INTO otel_logs_held (Incident, {_LINE})\n"
    f"SELECT {{incident:String}}, {_LINE} FROM otel_logs\n"
    f"WHERE SeverityNumber >= 13 AND {_WITHIN} OR TraceId != '' AND TraceId IN ({_TRACES})",
)
"""Copy what one incident needs; placeholders are those of `Scope`."""


class HoldEvidence:
    """Copies what incidents need, of open ones again and again."""

    def __init__(self, evidence: Evidence, clock: Clock) -> None:
        self._evidence = evidence
        self._clock = clock
        self._held: dict[str, datetime] = {}
        """By incident that is over: the end of what is held."""

    async def run(self) -> None:
        """Look at all incidents until cancelled."""
        while True:
            try:
                await self()
            except (NoTables, OtherGeneration, Unavailable) as error:
                _log.warning("what incidents need is not held yet, and will be tried again: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def __call__(self) -> None:
        """Hold what is new since the last call.

        Raises:
            Unavailable: the warehouse does not answer.
        """
        now = self._clock.now()
        for incident in incidents_in(await self._evidence.incident_facts()):
            scope = scope_of(incident, now)
            if scope.until < now - _KEPT or self._held.get(incident.id) == scope.until:
                continue
            await self._evidence.hold(scope)
            if incident.is_over:
                self._held[incident.id] = scope.until


def incidents_in(rows: Iterable[Mapping[str, Any]]) -> list[Incident]:  # columns of any type
    """The incidents of facts in the warehouse, in the order of the log; facts that cannot be read are passed over."""
    events = []
    for row in rows:
        at = row["at"]
        body = {
            "id": row["id"],
            "source": row["source"],
            "type": row["type"],
            "time": at if isinstance(at, str) else rfc3339(at),
            "data": json.loads(row["data"]),
        }
        try:
            event = decode(json.dumps(body).encode(), row["subject"])
        except Malformed as error:
            _log.warning("a fact of an incident cannot be read: %s", error)
            continue
        if not isinstance(event, UnknownEvent):
            events.append(event)
    return [*fold(events).values()]
