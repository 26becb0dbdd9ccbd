"""The fact of each change. A repeat has the same id, so that a lost confirmation does no harm."""

from __future__ import annotations

from typing import Final

from queuebit_contracts.incidents import (
    IncidentAcknowledged,
    IncidentAcknowledgement,
    IncidentEnd,
    IncidentJoined,
    IncidentNote,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
    Joining,
    Opening,
    Reopening,
)
from queuebit_kernel import event_id

__all__ = ["IncidentFact", "fact_of"]

_SOURCE: Final = "qb/alerting"

IncidentFact = (
    IncidentOpened | IncidentJoined | IncidentAcknowledged | IncidentNoted | IncidentResolved | IncidentReopened
)


def fact_of(
    change: Opening | Joining | IncidentAcknowledgement | IncidentNote | IncidentEnd | Reopening,
) -> IncidentFact:
    """The fact of a change; its time is now."""
    match change:
        case Opening():
            return IncidentOpened(id=_id(change.incident, "opened"), source=_SOURCE, data=change)
        case Joining():
            return IncidentJoined(id=_id(change.incident, "joined", change.number), source=_SOURCE, data=change)
        case IncidentAcknowledgement():
            name = _id(change.incident, "acknowledged", change.episode, change.by)
            return IncidentAcknowledged(id=name, source=_SOURCE, data=change)
        case IncidentNote():
            name = _id(change.incident, "noted", change.number, change.by, change.text)
            return IncidentNoted(id=name, source=_SOURCE, data=change)
        case IncidentEnd():
            name = _id(change.incident, "resolved", change.episode, change.by or "")
            return IncidentResolved(id=name, source=_SOURCE, data=change)
        case Reopening():
            name = _id(change.incident, "reopened", change.episode, change.by or "")
            return IncidentReopened(id=name, source=_SOURCE, data=change)


def _id(*parts: str | int) -> str:
    return event_id("incident", *map(str, parts))
