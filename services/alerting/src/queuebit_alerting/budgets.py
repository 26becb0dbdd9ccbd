"""Budgets that are spent: a ticket for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_contracts.budget import BudgetReached, BudgetShare
from queuebit_contracts.tenant import BudgetTerms, TenantDefined, TenantRemoved
from queuebit_contracts.tenants import LIFETIME
from queuebit_runtime.stored import Stored

__all__ = ["BudgetsSpent"]

_MONTH: Final = "month"
_WARNED: Final = Decimal("0.5")
"""The least share that is a ticket: half of a budget, the first that is announced unless the budget says otherwise."""


class BudgetsSpent:
    """A budget is spent from the announcement of half of it until its amount or window changes, or its window is over.

    The window of a month is over with the month, one of days as many days later, and that of a lifetime never.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._terms: dict[str, Mapping[str, BudgetTerms]] = {}
        """The budgets of each tenant."""
        self._spent: dict[tuple[str, str], tuple[BudgetShare, str, datetime]] = {}
        """By tenant and budget: the last announcement of so much of it, the id of its event, and when it was stored."""

    def take(self, stored: Stored) -> None:
        """Fold a fact about a tenant or a budget."""
        match stored.event:
            case TenantDefined(data=data):
                self._terms[data.tenant] = data.budgets or {}
            case TenantRemoved(data=data):
                self._terms.pop(data.tenant, None)
            case BudgetReached(data=data) if Decimal(data.share) >= _WARNED:
                self._spent[data.tenant, data.budget] = data, stored.event.id, stored.stored_at

    def terms(self) -> Mapping[str, Mapping[str, BudgetTerms]]:
        """The budgets of each tenant, by name."""
        return self._terms

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each budget that was spent once; see `SignalSource`."""
        return [self._signal(share, event, at, now) for share, event, at in self._spent.values()]

    def _signal(self, share: BudgetShare, event: str, at: datetime, now: datetime) -> Signal:
        labels = {
            "alertname": "BudgetSpent", "severity": "ticket", "owner": "billing",
            "tenant": share.tenant, "budget": share.budget,
        }  # fmt: skip
        if not _holds(share, self._terms.get(share.tenant, {}).get(share.budget)) or not _lasts(share, at, now):
            return Signal(labels, {}, firing=False, at=now)
        limit = f"{share.limit.amount} {share.limit.currency}"
        percent = f"{(Decimal(share.share) * 100).normalize():f}"
        then = "it warns only" if share.soft else "jobs that do not fit are refused"
        return Signal(
            labels,
            {"summary": f"{share.tenant}: the budget {share.budget} of {limit} is spent to {percent} %; {then}"},
            firing=True,
            at=now,
            evidence=Evidence(events=(event,), since=at),
            values={"spent": share.spent.amount, "held": share.held.amount, "limit": share.limit.amount},
        )


def _holds(share: BudgetShare, terms: BudgetTerms | None) -> bool:
    """Whether the budget is still the one that was announced."""
    return terms is not None and terms.money == share.limit.money and (terms.window or LIFETIME) == share.window


def _lasts(share: BudgetShare, at: datetime, now: datetime) -> bool:
    if share.window == LIFETIME:
        return True
    if share.window == _MONTH:
        return f"{now.astimezone(UTC):%Y-%m}" <= share.period
    return now < at + timedelta(days=int(share.window.removesuffix("d")))
