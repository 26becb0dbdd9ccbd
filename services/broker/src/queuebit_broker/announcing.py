"""Announces shares of budgets that are charged, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Final

from queuebit_broker.funds import spending_of
from queuebit_broker.ports import EventLog
from queuebit_broker.state import World
from queuebit_contracts.budget import BudgetReached, BudgetShare, mark_of
from queuebit_contracts.tenants import Budget, Tenant
from queuebit_contracts.wire import Amount
from queuebit_kernel import Clock, Fault, Stale, event_id
from queuebit_ledger import period_of

__all__ = ["AnnounceBudgets"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
"""Between two looks at what was charged."""


class AnnounceBudgets:
    """Looks at budgets that something was charged against, or that changed.

    Time only takes charges out of a window, so nothing else reaches a share. Several brokers may announce: the subject
    of an announcement takes one fact.
    """

    def __init__(self, log: EventLog, world: World, clock: Clock) -> None:
        self._log = log
        self._world = world
        self._clock = clock
        self._known: dict[str, Tenant] = {}
        """The tenants as they were looked at last."""
        self._announced: dict[tuple[str, str], frozenset[str]] = {}
        """By tenant and budget: the marks that the log has."""

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.announce()
            except Fault as error:  # the next round tries again
                _log.warning("budgets could not be announced: %s", error)

    async def announce(self) -> None:
        """Announce each share that is charged and was not announced.

        Raises:
            Unavailable: the log does not accept it now.
        """
        for tenant, name in self._due():
            entry, charged = self._world.directory.tenant.get(tenant), self._world.accounts.charged
            charged.discard((tenant, name))  # before the look: what is charged meanwhile is looked at again
            if entry is None or name not in entry.budget:
                continue
            try:
                await self._announce(tenant, name, entry.budget[name])
            except Fault:
                charged.add((tenant, name))
                raise

    def _due(self) -> list[tuple[str, str]]:
        charged, tenants = self._world.accounts.charged, self._world.directory.tenant
        for tenant, entry in tenants.items():
            if self._known.get(tenant) is not entry:
                charged.update((tenant, name) for name in entry.budget)
        self._known = {**tenants}
        return sorted(charged)

    async def _announce(self, tenant: str, name: str, budget: Budget) -> None:
        reached = {it.mark: it for it in self._reached(tenant, name, budget)}
        before = self._announced.get((tenant, name), frozenset())
        for mark in [it for it in reached if it not in before]:
            event = BudgetReached(
                id=event_id("budget-reached", tenant, mark),
                source="qb/broker",
                time=self._clock.now(),
                data=reached[mark],
            )
            with suppress(Stale):  # it was announced before
                await self._log.append(event, after=0)
        self._announced[tenant, name] = frozenset(reached)

    def _reached(self, tenant: str, name: str, budget: Budget) -> Iterator[BudgetShare]:
        it = spending_of(self._world, tenant, name, budget, self._clock.now())
        limit, spent, day = Amount.of(it.limit), it.spent, it.spent_by()
        period = period_of(it.window, it.today)
        for share in budget.warn_at:
            if spent.amount > 0 and spent.amount >= it.limit.amount * Decimal(share):
                yield BudgetShare(
                    tenant=tenant,
                    mark=mark_of(tenant, name, period, share, limit),
                    budget=name,
                    period=period,
                    window=it.window,
                    share=share,
                    limit=limit,
                    spent=Amount.of(spent),
                    held=Amount.of(it.held),
                    soft=budget.soft,
                    spent_by=day.isoformat() if day else None,
                )
