"""The newest hybrid jobs of each tenant, folded from the log, as the rows of an answer."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import Any

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
from queuebit_contracts.subjects import event_name, parse
from queuebit_kernel import rfc3339
from queuebit_runtime.stored import Stored

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

    def take(self, stored: Stored) -> None:
        """Fold the next event. Tenant and id come from the subject: in a submission they are a claim of its sender."""
        event, it = stored.event, parse(stored.subject)
        if isinstance(event, HybridSubmitted):
            self._begin(event, it.tenant, it.id)
        if (row := self._rows[it.tenant].get(it.id)) is None:
            return
        match event:
            case HybridAccepted():
                row |= {"state": "accepted", "user": event.data.user, "session": event.data.session}
                row["hold"] = f"{event.data.terms.hold.amount} {event.data.terms.hold.currency}"
            case HybridStarted():
                row |= {"state": "started", "attempt": event.data.attempt, "started_at": rfc3339(event.time)}
            case HybridRejected():
                row |= {"state": "rejected", "reason": event.data.reasons[0].code}
            case HybridCompleted() | HybridFailed() | HybridCancelled():
                row |= {"state": event_name(event.type), "ended_at": rfc3339(event.time)}
                row["time_s"] = event.data.usage.time_us / 1e6
                row["reason"] = event.data.reason.code if isinstance(event, HybridFailed) else None
            case HybridMetered():
                row["charge"] = f"{event.data.charge.amount} {event.data.charge.currency}"

    def _begin(self, event: HybridSubmitted, tenant: str, hybrid: str) -> None:
        data, rows = event.data, self._rows[tenant]
        rows[hybrid] = {
            "hybrid": hybrid,
            "state": "submitted",
            "label": data.label,
            "project": data.project,
            "max_time_s": data.max_time_s,
            "submitted_at": rfc3339(event.time),
        }
        while len(rows) > _KEPT:
            rows.popitem(last=False)
