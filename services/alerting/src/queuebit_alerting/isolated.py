"""Backends that are isolated: a ticket for each, until it is readmitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import MOST_EVIDENCE, Evidence
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted
from queuebit_runtime.stored import Stored

__all__ = ["BackendsIsolated"]

_NAME: Final = "BackendIsolated"


class BackendsIsolated:
    """A backend that is isolated fires until it is readmitted. Its jobs moved, so that it pages no person."""

    def __init__(self) -> None:
        self._newest: dict[str, BackendIsolated | BackendReadmitted] = {}

    def take(self, stored: Stored) -> None:
        """Fold a fact about a backend."""
        if isinstance(stored.event, BackendIsolated | BackendReadmitted):
            self._newest[stored.event.data.backend] = stored.event

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each backend that ever was isolated; see `SignalSource`."""
        return [_signal(it, now) for it in self._newest.values()]


def _signal(event: BackendIsolated | BackendReadmitted, now: datetime) -> Signal:
    backend = event.data.backend
    labels = {"alertname": _NAME, "severity": "ticket", "backend": backend}
    if isinstance(event, BackendReadmitted):
        return Signal(labels, {}, firing=False, at=now)
    data = event.data
    summary = f"{backend} is isolated by {data.by} and gets no jobs: {data.reason.text}"
    seen = dict.fromkeys([event.id, *(it.event for it in data.evidence if it.event)])
    evidence = Evidence(events=tuple(seen)[:MOST_EVIDENCE], since=data.since)
    return Signal(labels, {"summary": summary[:1000]}, firing=True, at=now, evidence=evidence)
