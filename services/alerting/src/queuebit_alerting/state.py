"""What the log says of alerts, groups and silences, folded; and what sources say now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from queuebit_contracts.alerts import (
    AlertAcknowledged,
    AlertDelivered,
    AlertFired,
    AlertNotified,
    AlertResolved,
    Evidence,
    Firing,
    Notification,
    Silence,
    SilenceCreated,
    SilenceEnded,
)
from queuebit_contracts.incidents import IncidentAcknowledged, IncidentOpened, IncidentReopened, IncidentResolved
from queuebit_contracts.subjects import parse
from queuebit_contracts.subjects_alerting import fingerprint, group_of
from queuebit_runtime.stored import Stored

__all__ = ["FIRING", "Alert", "Book", "Group", "Signal"]

FIRING: Final = "firing"
"""The status of an alert whose condition holds."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What a source says of one alert now. A source that says nothing of an alert changes nothing."""

    labels: Mapping[str, str]
    """What identifies the alert; `queuebit_contracts.alerts.Labels`."""
    annotations: Mapping[str, str]
    firing: bool | None
    """Whether its condition holds; None if that cannot be measured now, which changes nothing."""
    at: datetime
    evidence: Evidence = field(default_factory=Evidence)
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def alert(self) -> str:
        """The id of the alert."""
        return fingerprint(self.labels)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fired at least once, as its newest fact says."""

    last: Firing
    firing: bool
    ended_at: datetime | None = None

    @property
    def id(self) -> str:
        """The fingerprint of its labels."""
        return self.last.alert


@dataclass(frozen=True, slots=True)
class Group:
    """A group of alerts, and what receivers were informed of it."""

    number: int = 0
    """That of its last notification."""
    opened: int = 0
    """The first notification since no receiver knew of a firing alert; 0 while none does."""
    acknowledged: int = 0
    """The last notification that a person acknowledged."""
    incident_in_hand: bool = False
    """Whether a person acknowledged or ended its newest incident."""
    informed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By receiver and alert: the number of the firing that the receiver knows of."""
    notified_at: Mapping[str, datetime] = field(default_factory=dict)
    """When each receiver was last to be notified, by the clock of the service."""
    step: int = 0
    """How far it is escalated."""
    stepped_at: datetime | None = None
    """When it opened, or when the last step was taken."""

    @property
    def in_hand(self) -> bool:
        """Whether a person acknowledged it since it opened, or acknowledged or ended its incident."""
        return self.opened > 0 and (self.opened <= self.acknowledged or self.incident_in_hand)


class Book:
    """The state of the service; a fold over its own facts."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.groups: dict[str, Group] = {}
        self.silences: dict[str, Silence] = {}
        """Those that no person ended."""
        self.undelivered: dict[tuple[str, int], Notification] = {}
        """What was to be notified and is neither delivered nor given up, by group and number, oldest first."""
        self.tails: dict[str, int] = {}
        """The last sequence of each history, by its alert, group or silence: what the next fact is guarded on."""

    def take(self, stored: Stored) -> None:
        """Fold one fact; one that was folded before changes nothing."""
        event, owner = stored.event, parse(stored.subject).id
        if stored.sequence <= self.tails.get(owner, 0):
            return
        self.tails[owner] = stored.sequence  # also of an unknown type: guards on it hold
        match event:
            case AlertFired():
                self.alerts[owner] = Alert(event.data, firing=True)
            case AlertResolved() if owner in self.alerts:
                self.alerts[owner] = replace(self.alerts[owner], firing=False, ended_at=event.data.ended_at)
            case AlertNotified():
                self._notified(event)
            case AlertDelivered():
                self.undelivered.pop((event.data.group, event.data.number), None)
            case AlertAcknowledged():
                group = self.groups.get(owner, Group())
                self.groups[owner] = replace(group, acknowledged=max(group.acknowledged, event.data.number))
            case IncidentAcknowledged():
                self._incident(owner, in_hand=True)
            case IncidentResolved():
                self._incident(owner, in_hand=event.data.rule == "person")
            case IncidentOpened() | IncidentReopened():
                self._incident(owner, in_hand=False)
            case SilenceCreated():
                self.silences[owner] = event.data
            case SilenceEnded():
                self.silences.pop(owner, None)

    def _incident(self, name: str, *, in_hand: bool) -> None:
        group = group_of(name)
        self.groups[group] = replace(self.groups.get(group, Group()), incident_in_hand=in_hand)

    def _notified(self, event: AlertNotified) -> None:
        data = event.data
        self.undelivered[data.group, data.number] = data
        group = self.groups.get(data.group, Group())
        informed = dict(group.informed.get(data.receiver, {}))
        for it in data.alerts:
            informed.pop(it.alert, None)
            if it.status == FIRING:
                informed[it.alert] = it.number
        known = {**group.informed, data.receiver: informed}
        is_open = any(known.values())
        is_step = group.opened == 0 or data.reason == "escalated"
        self.groups[data.group] = replace(
            group,
            number=data.number,
            opened=(group.opened or data.number) if is_open else 0,
            informed={receiver: them for receiver, them in known.items() if them},
            notified_at={**group.notified_at, data.receiver: event.time},
            step=data.step if is_open else 0,
            stepped_at=event.time if is_step else group.stepped_at,
        )
