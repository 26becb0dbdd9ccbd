"""Which rows of the warehouse belong to an incident."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from queuebit_incidents.state import Incident

__all__ = ["Scope", "moment", "scope_of", "texts"]

_LEAD: Final = timedelta(hours=1)
"""So long before its cause an incident looks: what was changed or calibrated then may be the cause."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Bounds of an incident in the warehouse."""

    incident: str
    group: str
    alerts: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    """Tenant and backend of each alert; an empty text stands for all of them."""
    since: datetime
    until: datetime
    """Half-open."""

    def parameters(self) -> dict[str, str]:
        """Values for the placeholders of `queries`."""
        return {
            "incident": self.incident,
            "group": self.group,
            "alerts": texts(self.alerts),
            "tenants": texts(tenant for tenant, _ in self.pairs),
            "backends": texts(backend for _, backend in self.pairs),
            "since": moment(self.since),
            "until": moment(self.until),
        }


def scope_of(incident: Incident, now: datetime) -> Scope:
    """From an hour before the cause, or the first alert where no cause is known, to the end, or to `now`."""
    pairs = {(it.labels.get("tenant", ""), it.labels.get("backend", "")) for it in incident.alerts.values()}
    begun = min(incident.cause_at or incident.fired_at, incident.fired_at)
    end = incident.ended_at if incident.is_over and incident.ended_at else now
    return Scope(
        incident=incident.id,
        group=incident.group,
        alerts=tuple(sorted(incident.alerts)),
        pairs=tuple(sorted(pairs)),
        since=begun - _LEAD,
        until=max(end, incident.opened_at) + timedelta(seconds=1),
    )


def texts(values: Iterable[str]) -> str:
    """A list of texts, as ClickHouse reads the value of a placeholder of type `Array(String)`."""
    quoted = (value.replace("\\", r"\\").replace("'", r"\'") for value in values)
    return "[" + ",".join(f"'{it}'" for it in quoted) + "]"


def moment(value: datetime) -> str:
    """A time, as ClickHouse reads the value of a placeholder of type `DateTime64(6, 'UTC')`."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
