"""Canaries that wait for a person, and those that a rule ended: a ticket for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from queuebit_alerting.canary_book import Canary, CanaryBook
from queuebit_alerting.state import Signal

__all__ = ["CanariesStopped"]

_NEWS: Final = timedelta(days=1)
"""How long the end of a canary by a rule is a ticket."""

_TEXTS: Final = {
    "passed": "passed: `qb canary promote {canary}` or `qb canary abort {canary}`",
    "paused": "is paused, and new jobs have the baseline: a person decides",
    "aborted": "was aborted by a rule",
    "promoted": "was promoted by a rule",
}
"""By the state of a canary."""


class CanariesStopped:
    """A canary that passed or is paused fires until a person decides; one that a rule ended fires for a day."""

    def __init__(self, book: CanaryBook) -> None:
        self._book = book

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each canary that was started; see `SignalSource`."""
        return [_signal(it, now) for it in self._book.canaries.values() if it.since]


def _signal(canary: Canary, now: datetime) -> Signal:
    labels = {"alertname": "CanaryStopped", "severity": "ticket", "owner": "platform", "canary": canary.id}
    if canary.plan.tenant:
        labels["tenant"] = canary.plan.tenant
    if not _fires(canary, now):
        return Signal(labels, {}, firing=False, at=now)
    what = _TEXTS[canary.state].format(canary=canary.id)
    values = {"state": canary.state, "flag": canary.plan.flag}
    summary = f"canary {canary.id} {what}. {canary.reason}"
    return Signal(labels, {"summary": summary[:1000]}, firing=True, at=now, values=values)


def _fires(canary: Canary, now: datetime) -> bool:
    if canary.end is None or canary.ended_at is None:
        return canary.state in {"passed", "paused"}
    return canary.end.by is None and canary.ended_at > now - _NEWS
