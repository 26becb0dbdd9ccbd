"""An incident, folded from its facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.incidents import (
    IncidentAcknowledged,
    IncidentAlert,
    IncidentJoined,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
)

__all__ = ["FACTS", "Incident", "Note", "State", "evolve", "fold"]

State = Literal["open", "acknowledged", "resolved"]

FACTS: Final = (
    IncidentOpened,
    IncidentJoined,
    IncidentAcknowledged,
    IncidentNoted,
    IncidentResolved,
    IncidentReopened,
)
"""All facts about incidents."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote down."""

    at: datetime
    by: str
    text: str
    cause_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of an incident."""

    id: str
    group: str
    labels: Mapping[str, str]
    title: str
    opened_at: datetime
    """When it was opened."""
    alerts: Mapping[str, IncidentAlert]
    """By alert: its first firing within this incident."""
    case_at: datetime | None = None
    """The earliest case that any firing of its alerts is about."""
    state: State = "open"
    episode: int = 1
    joined: int = 0
    """How many facts `joined` it has."""
    notes: tuple[Note, ...] = ()
    acknowledged_at: datetime | None = None
    """In its last episode."""
    acknowledged_by: str | None = None
    ended_at: datetime | None = None
    """When the last episode was over."""
    ended_by: str | None = None
    """The person who ended it; None if the rule did."""
    ending: str | None = None
    """What that person said of the end."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """By alert: the firing that a person left behind, which opens no other incident."""

    @property
    def serial(self) -> int:
        """Its number within the group."""
        return int(self.id.rpartition("-")[2])

    @property
    def is_over(self) -> bool:
        """Whether it is resolved."""
        return self.state == "resolved"

    @property
    def fired_at(self) -> datetime:
        """When the first of its alerts fired."""
        return min(it.fired_at for it in self.alerts.values())

    @property
    def cause_at(self) -> datetime | None:
        """When the fault began: as the last note with a time says, or else the earliest case that an alert is about."""
        stated = [it.cause_at for it in self.notes if it.cause_at is not None]
        return stated[-1] if stated else self.case_at

    @property
    def time_to_detect(self) -> timedelta | None:
        """From the cause to the first alert, 0 at least; None while the cause is unknown."""
        return None if self.cause_at is None else max(self.fired_at - self.cause_at, timedelta())

    def time_to_remediate(self, now: datetime) -> timedelta:
        """From the first alert to the end, 0 at least; while it is open, to `now`."""
        return max((self.ended_at if self.ended_at and self.is_over else now) - self.fired_at, timedelta())


def evolve(incident: Incident | None, event: AnyEvent) -> Incident | None:
    """The incident after one more of its facts; a fact without the opening before it changes nothing."""
    if isinstance(event, IncidentOpened):
        return incident or _opened(event)
    if incident is None:
        return None
    match event:
        case IncidentJoined():
            return replace(_with(incident, event.data.alerts), joined=event.data.number)
        case IncidentAcknowledged():
            return replace(incident, state="acknowledged", acknowledged_at=event.time, acknowledged_by=event.data.by)
        case IncidentNoted():
            note = Note(event.time, event.data.by, event.data.text, event.data.cause_at)
            return replace(incident, notes=(*incident.notes, note))
        case IncidentResolved():
            return _resolved(incident, event)
        case IncidentReopened():
            return replace(
                _with(incident, event.data.alerts),
                state="open",
                episode=event.data.episode,
                acknowledged_at=None,
                acknowledged_by=None,
                ended_at=None,
                ended_by=None,
                ending=None,
                ignored={},
            )
    return incident


def fold(events: Iterable[AnyEvent]) -> dict[str, Incident]:
    """All incidents by id, from their facts in the order of the log."""
    found: dict[str, Incident] = {}
    for event in events:
        if isinstance(event, FACTS):
            name = event.data.incident
            if after := evolve(found.get(name), event):
                found[name] = after
    return found


def _opened(event: IncidentOpened) -> Incident:
    data = event.data
    empty = Incident(data.incident, data.group, data.labels, data.title, event.time, {})
    return _with(empty, data.alerts)


def _resolved(incident: Incident, event: IncidentResolved) -> Incident:
    data = event.data
    return replace(
        incident,
        state="resolved",
        ended_at=data.ended_at,
        ended_by=data.by,
        ending=data.text,
        ignored={it.alert: it.number for it in data.still_firing},
    )


def _with(incident: Incident, alerts: Sequence[IncidentAlert]) -> Incident:
    """The incident with more alerts; of one that is known already, the first firing stays."""
    cases = [it for it in (incident.case_at, *(it.cause_at for it in alerts)) if it is not None]
    known = {**{it.alert: it for it in alerts}, **incident.alerts}
    return replace(incident, alerts=known, case_at=min(cases, default=None))
