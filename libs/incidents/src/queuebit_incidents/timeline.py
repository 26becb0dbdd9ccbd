"""The timeline of an incident: what happened and who did what, in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from queuebit_incidents.scope import Scope
from queuebit_incidents.state import Incident

__all__ = ["Entry", "Gathered", "Record", "entries", "read_moment"]

Record = Mapping[str, Any]
"""A row of the warehouse, by column; JSON."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the warehouse says of an incident."""

    incident: Incident
    scope: Scope
    at: datetime
    """When it was gathered."""
    sequence: int
    """The last sequence of the log that it includes."""
    facts: Sequence[Record]
    response: Sequence[Record]
    """Alerts, notifications, silences."""
    tenants: Sequence[Record]
    """Of each tenant that was hit, how many jobs."""
    jobs: Sequence[Record]
    """The first of them."""
    lifecycles: Sequence[Record]
    """All events of some of these jobs, by provenance id."""
    placements: Sequence[Record]
    calibrations: Sequence[Record]
    changes: Sequence[Record]
    charges: Sequence[Record]

    @property
    def hit(self) -> int:
        """How many jobs were hit, also those that are not listed."""
        return sum(int(it["jobs"]) for it in self.tenants)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    sequence: int
    """Its place in the log; 0 for a sum of several events."""
    kind: str
    """`alert`, `incident`, `notification`, `silence`, `calibration`, `change` or `jobs`."""
    text: str
    by: str = ""
    """Who did it, where a person did."""


def entries(found: Gathered) -> list[Entry]:
    """Everything in order of time; of jobs only when the first and the last of each tenant was hit."""
    every = [
        *(_fact(it) for it in found.facts),
        *(_fact(it) for it in found.response),
        *(_calibration(it) for it in found.calibrations),
        *(_fact(it) for it in found.changes),
        *(entry for it in found.tenants for entry in _hit(it)),
    ]
    return sorted(every, key=lambda it: (it.at, it.sequence, it.kind, it.text))


def read_moment(text: str) -> datetime:
    """A time of the warehouse, which is in UTC and says no zone."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _fact(record: Record) -> Entry:
    data, type_ = json.loads(record["data"]), str(record["type"])
    kind, said = _TEXTS.get(type_, ("change", _unknown(type_)))
    by = data.get("by") or data.get("author") or ""
    return Entry(read_moment(record["at"]), int(record["seq"]), kind, said(data), str(by))


def _calibration(record: Record) -> Entry:
    data = json.loads(record["data"])
    if record["event"] == "calibrated":
        errors = data.get("median_two_qubit_error_ppm")
        quality = f", median two-qubit error {errors / 10_000:g} %" if errors is not None else ""
        text = f"{record['backend']} was calibrated{quality}"
    else:
        text = f"the calibration of {record['backend']} failed: {data['reason']['text']}"
    return Entry(read_moment(record["at"]), int(record["seq"]), "calibration", text)


def _hit(tenant: Record) -> Iterable[Entry]:
    name, jobs = tenant["tenant"], int(tenant["jobs"])
    yield Entry(read_moment(tenant["first_at"]), 0, "jobs", f"first job of {name} that was hit")
    if jobs > 1:
        yield Entry(read_moment(tenant["last_at"]), 0, "jobs", f"last of {jobs:,} jobs of {name} that were hit")


_Data = Mapping[str, Any]  # the data of a fact, as its contract has them


def _unknown(type_: str) -> Callable[[_Data], str]:
    return lambda _: type_


def _names(alerts: Iterable[_Data]) -> str:
    return ", ".join(str(it["labels"].get("alertname", it["alert"])) for it in alerts)


def _labelled(labels: _Data) -> str:
    about = ", ".join(f"{name} {value}" for name, value in labels.items() if name not in ("alertname", "severity"))
    return f"{labels.get('alertname', 'an alert')}{f' ({about})' if about else ''}"


def _applied(data: _Data) -> str:
    changes = [f"{it['action']} {it['kind']} {it['name']}" for it in data.get("changes", ())]
    shown = "; ".join(changes[:5])
    more = len(changes) - 5 + int(data.get("omitted", 0))
    commit = f" (commit {data['commit'][:12]})" if data.get("commit") else ""
    return f"applied{commit}: {shown or 'documents'}{f'; and {more} more' if more > 0 else ''}"


def _ended(data: _Data) -> str:
    if data["rule"] == "quiet":
        return f"resolved by rule: all its alerts were quiet since {data['ended_at'][11:19]} UTC"
    left = len(data.get("still_firing", ()))
    rest = f", while {left} of its alerts still fired" if left else ""
    return f"resolved{rest}{_said(data)}"


def _said(data: _Data) -> str:
    return f": {data['text']}" if data.get("text") else ""


def _noted(data: _Data) -> str:
    cause = f" (the fault began {data['cause_at'][:19].replace('T', ' ')} UTC)" if data.get("cause_at") else ""
    return f"note: {data['text']}{cause}"


def _silenced(data: _Data) -> str:
    wanted = ", ".join(f"{it['label']} {it.get('op', '=')} {it['value']}" for it in data["matchers"])
    return (
        f"silence {data['silence']} for {wanted}, until {data['ends_at'][:16].replace('T', ' ')} UTC: {data['reason']}"
    )


_TEXTS: Final[Mapping[str, tuple[str, Callable[[_Data], str]]]] = {
    "qb.incident.opened.v1": ("incident", lambda it: f"incident opened: {it['title']}"),
    "qb.incident.joined.v1": ("incident", lambda it: f"joined by {_names(it['alerts'])}"),
    "qb.incident.acknowledged.v1": ("incident", lambda _: "acknowledged"),
    "qb.incident.noted.v1": ("incident", _noted),
    "qb.incident.resolved.v1": ("incident", _ended),
    "qb.incident.reopened.v1": ("incident", lambda it: f"reopened{_said(it)}"),
    "qb.slo.fired.v1": ("alert", lambda it: f"{_labelled(it['labels'])} fired"),
    "qb.slo.resolved.v1": ("alert", lambda it: f"{_labelled(it['labels'])} was resolved"),
    "qb.slo.notified.v1": ("notification", lambda it: f"{it['receiver']} is to be notified ({it['reason']})"),
    "qb.slo.delivered.v1": (
        "notification",
        lambda it: (
            f"{it['receiver']} was notified" if it["outcome"] == "delivered" else f"{it['receiver']} was not reached"
        ),
    ),
    "qb.slo.acknowledged.v1": ("notification", lambda _: "the notification was acknowledged"),
    "qb.silence.created.v1": ("silence", _silenced),
    "qb.silence.ended.v1": ("silence", lambda it: f"silence {it['silence']} was ended"),
    "qb.config.applied.v1": ("change", _applied),
    "qb.tenant.defined.v1": ("change", lambda it: f"limits of {it['tenant']} were set"),
    "qb.tenant.removed.v1": ("change", lambda it: f"tenant {it['tenant']} was removed"),
    "qb.tenant.project_defined.v1": ("change", lambda it: f"project {it['project']} of {it['tenant']} was set"),
    "qb.tenant.project_removed.v1": ("change", lambda it: f"project {it['project']} of {it['tenant']} was removed"),
    "qb.backend.registered.v1": ("change", lambda it: f"backend {it['backend']} was registered"),
}
"""By type: the kind of the entry, and what it says."""
