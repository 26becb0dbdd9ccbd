"""Incidents: what pages of one group have in common, from the first page until it is over (ADR 0080).

qb.incident.<incident>.opened              qb.incident.<incident>.joined.<number>
qb.incident.<incident>.acknowledged.<n>    qb.incident.<incident>.noted.<number>
qb.incident.<incident>.resolved.<n>        qb.incident.<incident>.reopened.<n>

`<n>` is the episode: 1 from the opening, one more with each reopening. The alerting service appends all of them; a
person asks it on `subjects_alerting.INCIDENT_REQUEST`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.alerts import AlertId, Labels
from queuebit_contracts.tenant import Author
from queuebit_contracts.wire import Event, Moment, Reason, Sentence, Wire, open_text

__all__ = [
    "MOST_ALERTS",
    "MOST_EPISODES",
    "MOST_JOINED",
    "MOST_NOTES",
    "AlertEpisode",
    "IncidentAcknowledged",
    "IncidentAcknowledgement",
    "IncidentAlert",
    "IncidentAnswer",
    "IncidentEnd",
    "IncidentId",
    "IncidentJoined",
    "IncidentNote",
    "IncidentNoted",
    "IncidentOpened",
    "IncidentReopened",
    "IncidentRequest",
    "IncidentResolved",
    "Joining",
    "NoteOrder",
    "Opening",
    "ReopenOrder",
    "Reopening",
    "ResolveOrder",
]

MOST_JOINED: Final = 200
"""The most facts `joined` of an incident; alerts after them do not become part of it."""

MOST_NOTES: Final = 200
"""The most notes of an incident."""

MOST_EPISODES: Final = 100
"""The most episodes of an incident; after them, a page opens another one. Together with the two limits above, a history
has fewer subjects than the server returns at once, which is 1,024."""

MOST_ALERTS: Final = 50
"""The most alerts of one fact; further ones join with the next."""

IncidentId = Annotated[str, Field(pattern="^[0-9a-f]{16}-[1-9][0-9]{0,5}$")]
"""The group of its alerts, and a number that counts the incidents of this group from 1."""

_Number = Annotated[int, Field(ge=1)]


class AlertEpisode(Wire):
    """One firing of an alert."""

    alert: AlertId
    number: _Number
    """Counts how often this alert fired."""


class IncidentAlert(AlertEpisode):
    """An alert that belongs to an incident, as it fired."""

    labels: Labels
    summary: Sentence = ""
    fired_at: Moment
    """When its condition was first seen to hold."""
    cause_at: Moment | None = None
    """The time of the earliest case that it is about, where the alert says that."""


class Opening(Wire):
    """A page fired, and its group had no open incident."""

    incident: IncidentId
    group: AlertId
    labels: Labels = Field(default_factory=dict)
    """Those that the alerts of the group share."""
    title: Sentence
    alerts: tuple[IncidentAlert, ...] = Field(min_length=1, max_length=MOST_ALERTS)


class Joining(Wire):
    """More alerts of the group fire."""

    incident: IncidentId
    number: _Number
    """Counts these facts of the incident from 1."""
    alerts: tuple[IncidentAlert, ...] = Field(min_length=1, max_length=MOST_ALERTS)


class IncidentAcknowledgement(Wire):
    """A person works on it."""

    incident: IncidentId
    episode: _Number
    by: Author


class IncidentNote(Wire):
    """What a person found or did."""

    incident: IncidentId
    number: _Number
    """Counts the notes of the incident from 1."""
    by: Author
    text: str = Field(min_length=1, max_length=4000)
    cause_at: Moment | None = None
    """When the fault began, if the note says that. The last such note counts."""


class IncidentEnd(Wire):
    """It is over."""

    incident: IncidentId
    episode: _Number
    rule: Annotated[str, open_text("quiet", "person")]
    """`quiet`: no alert of its group fired for the stated time. `person`: a person said so."""
    by: Author | None = None
    """The person; absent with `quiet`."""
    ended_at: Moment
    """When the last of its alerts was resolved; or when the person said that it is over."""
    text: Sentence | None = None
    still_firing: tuple[AlertEpisode, ...] = Field(default=(), max_length=1000)
    """What still fired when a person ended it. These firings open no other incident; a later one does."""


class Reopening(Wire):
    """It is not over: a page of its group fired again soon after the end, or a person says so."""

    incident: IncidentId
    episode: Annotated[int, Field(ge=2)]
    by: Author | None = None
    """The person; absent if an alert fired."""
    text: Sentence | None = None
    alerts: tuple[IncidentAlert, ...] = Field(default=(), max_length=MOST_ALERTS)


class IncidentOpened(Event[Opening]):
    """An incident was opened. A group has one open incident at most."""

    type: Literal["qb.incident.opened.v1"] = "qb.incident.opened.v1"


class IncidentJoined(Event[Joining]):
    """Alerts of the same group fired while the incident was open. An alert joins once, however often it fires."""

    type: Literal["qb.incident.joined.v1"] = "qb.incident.joined.v1"


class IncidentAcknowledged(Event[IncidentAcknowledgement]):
    """A person acknowledged the incident."""

    type: Literal["qb.incident.acknowledged.v1"] = "qb.incident.acknowledged.v1"


class IncidentNoted(Event[IncidentNote]):
    """A person wrote something down, also after the end."""

    type: Literal["qb.incident.noted.v1"] = "qb.incident.noted.v1"


class IncidentResolved(Event[IncidentEnd]):
    """The incident is over."""

    type: Literal["qb.incident.resolved.v1"] = "qb.incident.resolved.v1"


class IncidentReopened(Event[Reopening]):
    """The incident goes on."""

    type: Literal["qb.incident.reopened.v1"] = "qb.incident.reopened.v1"


class NoteOrder(Wire):
    """Write something down."""

    text: str = Field(min_length=1, max_length=4000)
    cause_at: Moment | None = None
    """When the fault began."""


class ResolveOrder(Wire):
    """End it."""

    text: str | None = Field(default=None, max_length=500)


class ReopenOrder(Wire):
    """Continue it."""

    text: str = Field(min_length=1, max_length=500)


class IncidentRequest(Wire):
    """Exactly one order about an incident. Only the operator may send it: `qb.admin.incident`."""

    incident: IncidentId
    by: Author
    acknowledge: bool = False
    note: NoteOrder | None = None
    resolve: ResolveOrder | None = None
    reopen: ReopenOrder | None = None


class IncidentAnswer(Wire):
    """What became of it; or why nothing was changed."""

    state: Annotated[str, open_text("open", "acknowledged", "resolved")] = ""
    """The state of the incident now."""
    sequence: int = 0
    """Of the fact that was appended; 0 if everything was as asked already."""
    errors: tuple[Reason, ...] = ()
