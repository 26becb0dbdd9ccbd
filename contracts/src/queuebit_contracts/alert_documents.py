"""Who is notified of which alerts, and when not: the document `alerts` (`alerts.toml` of a home)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from queuebit_contracts.alerts import LabelName, LabelValue
from queuebit_contracts.wire import Name
from queuebit_kernel import digest_of

__all__ = [
    "INHIBITIONS",
    "Alerts",
    "AlertsDraft",
    "Inhibition",
    "Receiver",
    "Rotation",
    "Route",
    "Window",
    "faults",
    "parse_alerts",
]

_PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"

_Labels = dict[LabelName, LabelValue]
_Kind = Literal["alertmanager", "alertmanager-webhook", "pagerduty", "webhook"]
_SIGNED: Final = ("pagerduty", "webhook")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Receiver(_Entry):
    """Where notifications go: a person's pager, a team's chat, another alerting system."""

    kind: _Kind
    """`alertmanager` posts alerts to an Alertmanager; `alertmanager-webhook` posts what an Alertmanager would post to a
    webhook; `pagerduty` is Events API v2; `webhook` is signed by Standard Webhooks."""
    url: str = Field(default="", max_length=2048)
    """Of an Alertmanager its base address; absent for PagerDuty: its public address."""
    secret: Name | None = None
    """A file in `secrets/alerts/` of the home: the routing key of PagerDuty, or the `whsec_…` that signs. A document
    holds no secret."""
    resolved: bool = True
    """Whether it gets what was resolved."""

    @property
    def address(self) -> str:
        """The address with its default."""
        return self.url or (_PAGERDUTY if self.kind == "pagerduty" else "")


class Rotation(_Entry):
    """Who is on call, and who is notified next if no person acknowledges."""

    members: tuple[Name, ...] = Field(min_length=1, max_length=50)
    """Receivers, in the order of their shifts."""
    starts: AwareDatetime
    """When the shift of the first began."""
    shift_hours: int = Field(default=168, ge=1, le=8760)
    """How long each is on call."""
    escalate_minutes: int = Field(default=15, ge=1, le=1440)
    """How long a page may stay without an acknowledgement before the next member is notified."""

    def on_call(self, now: datetime) -> Sequence[str]:
        """The members, beginning with the one on call."""
        at = (now - self.starts) // timedelta(hours=self.shift_hours) % len(self.members)
        return (*self.members[at:], *self.members[:at])


class Route(_Entry):
    """Which receivers are notified of some alerts. All routes that match an alert are used."""

    match: _Labels = Field(default_factory=dict)
    """The labels that an alert must have; empty for every alert."""
    unless: _Labels = Field(default_factory=dict)
    """Alerts with all of these labels are not meant; empty for none."""
    receivers: tuple[Name, ...] = ()
    rotation: Name | None = None
    """Notifies the member on call, and escalates."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert is meant."""
        return _holds(self.match, labels) and not (self.unless and _holds(self.unless, labels))


class Inhibition(_Entry):
    """While an alert of `source` fires, those of `target` with equal labels notify no receiver."""

    source: _Labels = Field(min_length=1)
    target: _Labels = Field(default_factory=dict)
    """Empty for every alert."""
    equal: tuple[LabelName, ...] = Field(min_length=1)
    """Labels in which both must agree; one that both lack agrees."""

    def is_source(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels may hide others while it fires."""
        return _holds(self.source, labels)

    def hides(self, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        """Whether one alert hides another. An alert that is a source and a target is not hidden by another such."""
        if not (self.is_source(source) and _holds(self.target, target)):
            return False
        if self.is_source(target) and _holds(self.target, source):
            return False
        return all(source.get(it, "") == target.get(it, "") for it in self.equal)


class Window(_Entry):
    """Planned work: matching alerts are evaluated as always, and notify no receiver."""

    kind: Literal["maintenance", "calibration"] = "maintenance"
    match: _Labels = Field(default_factory=dict)
    """The labels that an alert must have; empty for every alert."""
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    daily: time | None = None
    """When it begins on each day, in UTC, such as 00:45."""
    minutes: int | None = Field(default=None, ge=1, le=1440)
    """How long it lasts on each day."""

    @model_validator(mode="after")
    def _has_times(self) -> Window:
        once = self.starts is not None and self.ends is not None and self.daily is None and self.minutes is None
        each_day = self.daily is not None and self.minutes is not None and self.starts is None and self.ends is None
        if not once and not each_day:
            raise ValueError("give either starts and ends, or daily and minutes")
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            raise ValueError("its end is not after its start")
        return self

    def covers(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether an alert with these labels notifies no receiver now."""
        if not _holds(self.match, labels):
            return False
        if self.starts is not None and self.ends is not None:
            return self.starts <= now < self.ends
        if self.daily is None or self.minutes is None:
            return False
        here = now.astimezone(UTC)
        began = datetime.combine(here.date(), self.daily.replace(tzinfo=None), UTC)
        began = began if began <= here else began - timedelta(days=1)
        return here - began < timedelta(minutes=self.minutes)


_SAME: Final = ("objective", "source", "tenant", "backend", "workload_class", "vendor", "template", "tag")

INHIBITIONS: Final[Mapping[str, Inhibition]] = {
    "page-over-ticket": Inhibition(source={"severity": "page"}, target={"severity": "ticket"}, equal=_SAME),
    "backend-down": Inhibition(source={"alertname": "BackendDown"}, equal=("backend",)),
    "probe-failing": Inhibition(
        source={"alertname": "ProbeFailing"}, target={"objective": "probe"}, equal=("backend",)
    ),
}
"""Those of every stack: a page hides the ticket about the same, a backend that is down hides what follows from it, and
two bad probes hide the error budget that they spend. A document replaces one under its name."""


class AlertsDraft(_Entry):
    """The document `alerts`, whose names may lead nowhere yet."""

    resolve_after_s: int = Field(default=60, ge=0, le=86_400)
    """How long a condition must not hold before its alert is resolved."""
    group_interval_s: int = Field(default=300, ge=0, le=86_400)
    """The least time between two notifications of a group to one receiver; the first is sent at once."""
    receiver: dict[Name, Receiver] = Field(default_factory=dict)
    rotation: dict[Name, Rotation] = Field(default_factory=dict)
    route: dict[Name, Route] = Field(default_factory=dict)
    inhibition: dict[Name, Inhibition] = Field(default_factory=dict)
    window: dict[Name, Window] = Field(default_factory=dict)


class Alerts(AlertsDraft):
    """The document `alerts`. Without one, alerts are evaluated and stored, and notify no receiver."""

    @model_validator(mode="after")
    def _refers_to_what_there_is(self) -> Alerts:
        if found := faults(self):
            raise ValueError("; ".join(text for _, text in found))
        return self

    @property
    def inhibitions(self) -> Mapping[str, Inhibition]:
        """Those of every stack, and the document's."""
        return {**INHIBITIONS, **self.inhibition}

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return digest_of(self.model_dump(mode="json"))


def faults(document: AlertsDraft) -> list[tuple[tuple[str, ...], str]]:
    """What in a document contradicts itself: the place, and what to write instead."""
    return [*_receiver_faults(document), *_reference_faults(document)]


def parse_alerts(text: str) -> Alerts:
    """Read a document in TOML.

    Raises:
        ValueError: it is not TOML, or breaks the rules.
    """
    document: dict[str, Any] = tomllib.loads(text)
    return Alerts.model_validate(document)


def _receiver_faults(document: AlertsDraft) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, it in document.receiver.items():
        at = ("receiver", name)
        if not it.address.startswith(("https://", "http://")):
            yield (*at, "url"), f"receiver {name} needs a url that begins with https:// or http://"
        if it.kind in _SIGNED and it.secret is None:
            yield (*at, "secret"), f"receiver {name} needs secret: the name of a file in secrets/alerts/ of the home"


def _reference_faults(document: AlertsDraft) -> Iterator[tuple[tuple[str, ...], str]]:
    known = ", ".join(sorted(document.receiver)) or "none"
    named = [(("rotation", name, "members"), it.members) for name, it in document.rotation.items()]
    named += [(("route", name, "receivers"), it.receivers) for name, it in document.route.items()]
    for at, receivers in named:
        for missing in sorted({*receivers} - document.receiver.keys()):
            yield at, f"{'.'.join(at)} names the receiver {missing}, and the receivers are: {known}"
    for name, route in document.route.items():
        if route.rotation is not None and route.rotation not in document.rotation:
            rotations = ", ".join(sorted(document.rotation)) or "none"
            text = f"route.{name}.rotation names {route.rotation}, and the rotations are: {rotations}"
            yield ("route", name, "rotation"), text
        if not route.receivers and route.rotation is None:
            yield ("route", name), f"route {name} notifies no receiver: give receivers or a rotation"


def _holds(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name, "") == value for name, value in wanted.items())
