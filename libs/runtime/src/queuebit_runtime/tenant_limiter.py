"""Limits concurrent messages by tenant: messages of a tenant wait only for messages of the same tenant.

The log delivers messages in order. If they were handled in that order, a tenant that sends thousands, or a few slow
ones, would delay all others. Therefore many messages are fetched, and each waits in its tenant's queue; a message
that finds a full queue goes back to the log for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from queuebit_kernel import Unavailable

__all__ = ["PLACES", "WEIGHT", "Crowded", "TenantLimiter"]

WEIGHT = 16_384
"""Approximate overhead of a waiting message in bytes."""

_ROOM = 128 << 20
"""The most bytes of waiting messages in one process."""

PLACES = _ROOM // WEIGHT
"""Too many messages wait."""

_AWAY_S = 20.0
"""Delay of a message that found a full queue: shorter than the time to serve a queue that is alone."""


class Crowded(Unavailable):
    """The queue is full; the message is delivered again after `after_s`."""

    code = "crowded"
    after_s = _AWAY_S


class _Line:
    """One tenant's."""

    def __init__(self, side_by_side: int) -> None:
        self.turns = asyncio.Semaphore(side_by_side)
        self.weight = 0


class TenantLimiter:
    """Lets every tenant have a number of messages handled concurrently, independent of other tenants."""

    def __init__(self, side_by_side: int, room: int = _ROOM) -> None:
        self._side_by_side = side_by_side
        self._room = room
        self._lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant: str, size: int) -> AsyncIterator[None]:
        """Wait for a slot of the tenant, and hold it for the block.

        Raises:
            Crowded: the tenant's queue is full; other tenants still have room.
        """
        line = self._lines.setdefault(tenant, _Line(self._side_by_side))
        weight = WEIGHT + size
        if line.weight and line.weight + weight > self._room // (len(self._lines) + 1):
            raise Crowded(f"too many messages of tenant {tenant} wait already")
        line.weight += weight
        try:
            async with line.turns:
                yield
        finally:
            line.weight -= weight
