"""The bills of several jobs, stored together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from queuebit_contracts.catalog import AnyEvent
from queuebit_kernel import Fault
from queuebit_runtime.log import EventLog, Guarded
from queuebit_runtime.paced import Paced

__all__ = ["Bill", "Bills"]

_LEAST = 8
"""Bills that are worth an atomic batch: it costs the server as much as about twenty appends."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The facts about one job, each the first of its subject, in order."""

    facts: Sequence[AnyEvent]
    stored: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Bills:
    """Stores the bills that wait together in one atomic batch, synced once instead of twice for each job."""

    def __init__(self, log: EventLog, bills: Paced[Bill]) -> None:
        self._log = log
        self._bills = bills

    async def store(self, facts: Sequence[AnyEvent]) -> bool:
        """Store the facts about one job, all or none; return whether they are stored.

        If not, the caller appends them one by one: they waited with too few others, or the batch was refused, maybe for
        another job, or it is not known whether it was stored.
        """
        bill = Bill(facts)
        self._bills.put(bill)
        return await asyncio.shield(bill.stored)

    async def run(self) -> None:
        """Store what waits until cancelled."""
        while True:
            together = await self._bills.take()
            stored = len(together) >= _LEAST and await self._append(together)
            for bill in together:
                bill.stored.set_result(stored)

    async def _append(self, together: Sequence[Bill]) -> bool:
        try:
            await self._log.append_all([Guarded(fact, after=0) for bill in together for fact in bill.facts])
        except Fault:
            return False
        return True
