"""Incidents of a stack: read from its warehouse, changed by the alerting service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.incidents import IncidentAnswer, IncidentRequest
from queuebit_contracts.subjects_alerting import INCIDENT_REQUEST
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import UnknownEvent
from queuebit_incidents import Incident, fold
from queuebit_incidents.evidence import gather
from queuebit_incidents.queries import FACTS
from queuebit_incidents.timeline import Gathered
from queuebit_kernel import Malformed, SystemClock, rfc3339
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import analyst_of, records

__all__ = ["change", "find", "gathered", "incidents"]

_WAIT_S: Final = 30.0
_PAUSE_S: Final = 0.1
_LAST: Final = "SELECT max(seq) AS seq FROM events"


def incidents(home: Home) -> list[Incident]:
    """All incidents, the newest first, with all that the log has now: waits for the warehouse.

    Raises:
        Stop: the stack is down, or the warehouse does not answer or lags.
    """
    _until_now(home)
    found = fold(_events(_ask(home, FACTS, {"incident": ""})))
    return sorted(found.values(), key=lambda it: (it.opened_at, it.id), reverse=True)


def find(home: Home, name: str) -> Incident:
    """One incident, by its id, a prefix that only one has, or `latest`; raises as `incidents`, and if none fits."""
    known = incidents(home)
    if name == "latest" and known:
        return known[0]
    fitting = [it for it in known if it.id == name] or [it for it in known if name and it.id.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise Stop(Exit.USAGE, f"{name} fits {len(fitting)} incidents: {', '.join(it.id for it in fitting[:5])}")
    raise Stop(Exit.REFUSED, f"there is no incident {name}: `qb incident list --all` has all")


def gathered(home: Home, incident: Incident) -> Gathered:
    """All that the warehouse says of an incident; raises as `incidents`."""
    sequence = int(_ask(home, _LAST, {})[0]["seq"])
    return gather(partial(_ask, home), incident, now=SystemClock().now(), sequence=sequence)


def change(home: Home, request: IncidentRequest) -> IncidentAnswer:
    """Have the alerting service do something with an incident.

    Raises:
        Stop: it is refused; nothing was changed.
        Unreachable: the service does not answer.
    """
    return answer_to(operator_of(home), INCIDENT_REQUEST, request, IncidentAnswer, "change incidents")


def _ask(home: Home, sql: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    return records(running_stack(home), analyst_of(home), sql, values)


def _events(rows: Sequence[Mapping[str, Any]]) -> list[AnyEvent]:
    """The facts in rows of the warehouse; one that this version cannot read is left out, as in every view."""
    found: list[AnyEvent] = []
    for row in rows:
        document = {
            "specversion": "1.0",
            "id": row["id"],
            "source": row["source"],
            "type": row["type"],
            "time": rfc3339(datetime.fromisoformat(f"{row['at']}+00:00")),
            "data": json.loads(row["data"]),
        }
        with suppress(Malformed):
            event = decode(json.dumps(document).encode())
            if not isinstance(event, UnknownEvent):
                found.append(event)
    return found


def _until_now(home: Home) -> None:
    """Wait until the warehouse has all that the log has."""
    clock, wanted, last = SystemClock(), asyncio.run(_last_sequence(home)), 0
    deadline = clock.monotonic() + _WAIT_S
    while clock.monotonic() < deadline:
        with suppress(Stop):  # it may start
            last = int(_ask(home, _LAST, {})[0]["seq"])
            if last >= wanted:
                return
        asyncio.run(asyncio.sleep(_PAUSE_S))
    text = f"the warehouse has {last} of {wanted} events after {_WAIT_S:g} s"
    raise Stop(Exit.UNREACHABLE, f"{text}: see `qb status`, then run it again")


async def _last_sequence(home: Home) -> int:
    operator = operator_of(home)
    try:
        reply = await operator.request(f"$JS.API.STREAM.INFO.{LOG}")
    finally:
        await operator.close()
    return int(json.loads(reply.body)["state"]["last_seq"])
