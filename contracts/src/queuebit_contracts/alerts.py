"""Alerts: what is wrong now, who was notified, and what people silenced (ADR 0079).

qb.slo.<alert>.fired.<number>       qb.slo.<alert>.resolved.<number>
qb.slo.<group>.notified.<number>    qb.slo.<group>.delivered.<number>    qb.slo.<group>.acknowledged.<number>
qb.silence.<silence>.created        qb.silence.<silence>.ended

An alert is named by the digest of its labels, a group of alerts by that of the labels that they share. The alerting
service appends all of them; a person asks it on `subjects_alerting.ALERTING_REQUEST`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from queuebit_contracts.wire import Event, Moment, Name, Sentence, Wire, open_text

__all__ = [
    "MOST_EVIDENCE",
    "Acknowledgement",
    "AlertAcknowledged",
    "AlertDelivered",
    "AlertFired",
    "AlertId",
    "AlertNotified",
    "AlertResolved",
    "Delivery",
    "Evidence",
    "Firing",
    "LabelName",
    "LabelValue",
    "Labels",
    "Matcher",
    "Notification",
    "NotifiedAlert",
    "Resolution",
    "Severity",
    "Silence",
    "SilenceCreated",
    "SilenceEnd",
    "SilenceEnded",
    "shared_labels",
]

_GROUPED_BY: Final = ("tenant", "template", "tag")

Severity = Literal["page", "ticket"]
"""`page` wakes a person; `ticket` waits for the working day."""

MOST_EVIDENCE: Final = 20
"""The most events, and the most jobs, that a fact names as its evidence."""

_MOST_LABELS: Final = 24

AlertId = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
"""The first 16 hex digits of a digest: of the labels of an alert, or of those that a group shares."""


def _bounded(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MOST_LABELS:
        raise ValueError(f"{len(labels)} labels, and at most {_MOST_LABELS} are allowed")
    return labels


LabelName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
LabelValue = Annotated[str, Field(max_length=256)]

Labels = Annotated[dict[LabelName, LabelValue], AfterValidator(_bounded)]
"""What identifies an alert: `alertname`, `severity`, and where they apply `objective` or `source`, `tenant`, `backend`,
`vendor`, `workload_class`, `template`, `tag`, `owner`, `executor`, `budget`. A label without a value is absent."""


def shared_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by which an alert is grouped: one notification tells of all alerts of a group.

    An alert about a whole executor is grouped by it, and not by its backend.
    """
    where = "executor" if labels.get("executor") else "backend"
    return {name: labels[name] for name in (where, *_GROUPED_BY) if labels.get(name)}


_Person = Annotated[str, Field(min_length=1, max_length=200)]
_Number = Annotated[int, Field(ge=1)]


class Evidence(Wire):
    """Where a person can look first."""

    events: tuple[str, ...] = Field(default=(), max_length=MOST_EVIDENCE)
    """Ids of events."""
    jobs: tuple[str, ...] = Field(default=(), max_length=MOST_EVIDENCE)
    since: Moment | None = None
    """The time of the earliest case that it is about, where the source knows it."""


class Firing(Wire):
    """A condition began to hold."""

    alert: AlertId
    number: _Number
    """Counts how often this alert fired."""
    labels: Labels
    annotations: dict[str, Sentence] = Field(default_factory=dict)
    """Texts for people, such as `summary` and `runbook`; they do not identify the alert."""
    starts_at: Moment
    """When it was first seen to hold."""
    values: dict[str, str] = Field(default_factory=dict)
    """What was measured, as text, such as the burn rates."""
    evidence: Evidence = Evidence()


class Resolution(Wire):
    """The condition was measured again, and no longer holds."""

    alert: AlertId
    number: _Number
    """That of the firing."""
    labels: Labels
    starts_at: Moment
    ended_at: Moment
    """When it was first seen not to hold."""


class NotifiedAlert(Wire):
    """One alert of a notification."""

    alert: AlertId
    number: _Number
    status: Annotated[str, open_text("firing", "resolved")]


class Notification(Wire):
    """A receiver is to be notified of a group. It is decided once; sending may be repeated, with the same id."""

    group: AlertId
    number: _Number
    """Counts the notifications of the group, to all receivers."""
    receiver: Name
    reason: Annotated[str, open_text("fired", "resolved", "escalated")]
    """Why: something fired that the receiver does not know, something that it knows was resolved, or no person
    acknowledged."""
    step: int = Field(default=0, ge=0)
    """How far along its rotation the group is: 0 is the person on call."""
    labels: Labels = Field(default_factory=dict)
    """Those that the alerts of the group share."""
    alerts: tuple[NotifiedAlert, ...] = Field(max_length=200)
    """What it says, in the order of their ids."""
    paged: bool = False
    """Whether at least one of them has the severity `page`."""

    @property
    def identifier(self) -> str:
        """The id of its message: the same for each try, also after a crash."""
        return f"ntf_{self.group}_{self.number}"


class Delivery(Wire):
    """A notification was delivered, or given up after the last try."""

    group: AlertId
    number: _Number
    """That of the notification."""
    receiver: Name
    outcome: Annotated[str, open_text("delivered", "given_up")]
    tries: _Number
    status: int | None = None
    """The last HTTP status."""
    error: Sentence | None = None


class Acknowledgement(Wire):
    """A person has a group in hand: it is not escalated further."""

    group: AlertId
    number: _Number
    """The last notification of the group that the person may know."""
    by: _Person


class Matcher(Wire):
    """A condition on one label; a label that is absent has the value ''."""

    label: LabelName
    op: Literal["=", "!="] = "="
    value: LabelValue

    def holds(self, labels: dict[str, str]) -> bool:
        """Whether an alert with these labels meets it."""
        return (labels.get(self.label, "") == self.value) is (self.op == "=")


class Silence(Wire):
    """Alerts that meet all matchers notify no receiver until the end. They are evaluated as always."""

    silence: Name
    matchers: tuple[Matcher, ...] = Field(min_length=1, max_length=_MOST_LABELS)
    author: _Person
    reason: str = Field(min_length=1, max_length=500)
    starts_at: Moment
    ends_at: Moment


class SilenceEnd(Wire):
    """A silence was ended before its time."""

    silence: Name
    by: _Person


class AlertFired(Event[Firing]):
    """An alert fired. It fires once; the next firing of the same labels has the next number."""

    type: Literal["qb.slo.fired.v1"] = "qb.slo.fired.v1"


class AlertResolved(Event[Resolution]):
    """An alert was resolved: its condition was measured and does not hold. What cannot be measured stays as it is."""

    type: Literal["qb.slo.resolved.v1"] = "qb.slo.resolved.v1"


class AlertNotified(Event[Notification]):
    """It was decided to notify a receiver. Says nothing about whether the receiver was reached."""

    type: Literal["qb.slo.notified.v1"] = "qb.slo.notified.v1"


class AlertDelivered(Event[Delivery]):
    """The receiver of a notification accepted it, or was given up."""

    type: Literal["qb.slo.delivered.v1"] = "qb.slo.delivered.v1"


class AlertAcknowledged(Event[Acknowledgement]):
    """A person acknowledged a group."""

    type: Literal["qb.slo.acknowledged.v1"] = "qb.slo.acknowledged.v1"


class SilenceCreated(Event[Silence]):
    """A person silenced alerts for a time, with a reason."""

    type: Literal["qb.silence.created.v1"] = "qb.silence.created.v1"


class SilenceEnded(Event[SilenceEnd]):
    """A person ended a silence."""

    type: Literal["qb.silence.ended.v1"] = "qb.silence.ended.v1"
