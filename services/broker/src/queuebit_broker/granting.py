"""Puts declared grants on their accounts, and takes back what is left of those that have expired."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from queuebit_broker.following import follow
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountExpired, AccountGranted, Expiration, Granting
from queuebit_contracts.tenants import Grant
from queuebit_contracts.wire import Amount
from queuebit_kernel import Clock, Fault, Money, Stale, event_id

__all__ = ["ExpireGrants", "grant_declared"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 5.0
_GRACE: Final = timedelta(minutes=1)
"""How far the clocks of two brokers may differ: until then the other one may hold what has expired here."""


async def grant_declared(log: EventLog, world: World, tenant: str, name: str, grant: Grant) -> None:
    """Put a grant on its account, unless it is there.

    Raises:
        Unavailable: the log does not answer.
    """
    if name in world.account(tenant, grant.project).credits:
        return
    data = Granting(
        tenant=tenant,
        account=grant.project,
        grant=name,
        amount=Amount.of(Money.of(grant.amount, grant.currency)),
        priority=grant.priority,
        expires_at=grant.expires,
    )
    event = AccountGranted(id=event_id("granted", tenant, grant.project, name), source="qb/broker", data=data)
    try:
        sequence = await log.append(event, after=0)
    except Stale:  # another broker granted it; the view reads it
        return
    world.take(event, sequence)


class ExpireGrants:
    """Takes back what nothing holds of expired grants. Decisions do not wait for it: they do not count it any more.

    The append expects the newest fact of the account, so what is taken is exactly what was left.
    """

    def __init__(self, log: EventLog, follower: Follower, world: World, clock: Clock) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._clock = clock

    async def run(self) -> None:
        """Take back until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.expire()
            except Fault as error:  # the next round tries again
                _log.warning("grants could not be taken back: %s", error)

    async def expire(self) -> None:
        """Take back what is left of each grant that has expired and that nothing holds.

        Raises:
            Stale, Unavailable: the log does not accept it now.
        """
        accounts = [(key, [*it.credits]) for key, it in self._world.accounts.accounts().items() if it.credits]
        for (tenant, account), names in accounts:
            for name in names:
                if self._due(tenant, account, name):
                    await self._expire(tenant, account, name)

    async def _expire(self, tenant: str, account: str, name: str) -> None:
        aggregate = subjects.account(tenant, account)
        after = await follow(self._log, self._follower, aggregate.everything)
        if not self._due(tenant, account, name):
            return
        left = self._world.account(tenant, account).credits[name].left
        event = AccountExpired(
            id=event_id("expired", tenant, account, name),
            source="qb/broker",
            data=Expiration(tenant=tenant, account=account, grant=name, amount=Amount.of(left)),
        )
        sequence = await self._log.append(event, after=after, guard=aggregate.everything)
        self._world.take(event, sequence)

    def _due(self, tenant: str, account: str, name: str) -> bool:
        it = self._world.account(tenant, account)
        credit = it.credits[name]
        if credit.expires_at is None or credit.expires_at + _GRACE > self._clock.now() or credit.left.amount <= 0:
            return False
        return it.available(credit.amount.currency) >= credit.left
