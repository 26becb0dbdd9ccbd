"""The newest hybrid jobs of each tenant, folded from the log, as the rows of an answer."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import (
    HybridAccepted,
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridMetered,
    HybridRejected,
    HybridStarted,
    HybridSubmitted,
)
from queuebit_contracts.subjects import event_name
from queuebit_kernel import rfc3339

__all__ = ["Rows"]

_KEPT = 1000
"""Of each tenant."""

_Row = dict[str, Any]  # JSON


class Rows:
    """What lists of hybrid jobs show."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, OrderedDict[str, _Row]] = defaultdict(OrderedDict)

    def newest(self, tenant: str, limit: int, project: str | None) -> list[_Row]:
        """The newest of a tenant first."""
        rows = reversed(self._rows[tenant].values()) if tenant in self._rows else iter(())
        return [it for it in rows if project in (None, it["project"])][:limit]

    def take(self, event: AnyEvent) -> None:
        """Fold the next event."""
        data = event.data
        if isinstance(event, HybridSubmitted):
            self._begin(event)
        if (row := self._rows[data.tenant].get(data.hybrid)) is None:
            return
        match event:
            case HybridAccepted():
                row |= {"state": "accepted", "user": data.user, "session": data.session}
                row["hold"] = f"{data.terms.hold.amount} {data.terms.hold.currency}"
            case HybridStarted():
                row |= {"state": "started", "attempt": data.attempt, "started_at": rfc3339(event.time)}
            case HybridRejected():
                row |= {"state": "rejected", "reason": data.reasons[0].code}
            case HybridCompleted() | HybridFailed() | HybridCancelled():
                row |= {"state": event_name(event.type), "ended_at": rfc3339(event.time)}
                row["time_s"] = data.usage.time_us / 1e6
                row["reason"] = data.reason.code if isinstance(event, HybridFailed) else None
            case HybridMetered():
                row["charge"] = f"{data.charge.amount} {data.charge.currency}"

    def _begin(self, event: HybridSubmitted) -> None:
        data, rows = event.data, self._rows[event.data.tenant]
        rows[data.hybrid] = {
            "hybrid": data.hybrid,
            "state": "submitted",
            "label": data.label,
            "project": data.project,
            "max_time_s": data.max_time_s,
            "submitted_at": rfc3339(event.time),
        }
        while len(rows) > _KEPT:
            rows.popitem(last=False)
