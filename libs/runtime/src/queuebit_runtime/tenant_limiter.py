"""Whose turn it is: messages of a tenant wait for each other, and for nobody else's.

The log hands messages out in the order in which they came. Were they handled in that order, a tenant that sends
thousands, or a few that take seconds each, would make everybody wait. So many are fetched, and each waits in its
tenant's line; what a long line has no place for goes back to the log for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from queuebit_kernel import Unavailable

__all__ = ["PLACES", "WEIGHT", "Crowded", "TenantLimiter"]

WEIGHT = 16_384
"""Bytes that a message which waits takes beside its body, about."""

_ROOM = 128 << 20
"""Bytes that one process gives to those who wait, all lines together."""

PLACES = _ROOM // WEIGHT
"""More messages than ever wait at once."""

_AWAY_S = 20.0
"""How long what found no room stays in the log: less than a line that is alone takes to be served."""


class Crowded(Unavailable):
    """The line is full; the message is delivered again after `after_s`."""

    code = "crowded"
    after_s = _AWAY_S


class _Line:
    """One tenant's."""

    def __init__(self, side_by_side: int) -> None:
        self.turns = asyncio.Semaphore(side_by_side)
        self.weight = 0


class TenantLimiter:
    """Lets every tenant have so many messages handled side by side, whatever others do."""

    def __init__(self, side_by_side: int, room: int = _ROOM) -> None:
        self._side_by_side = side_by_side
        self._room = room
        self._lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, tenant: str, size: int) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the end of the block. A message of `size` bytes may wait.

        Raises:
            Crowded: the tenant's line is as long as may be; there is still room for another tenant.
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
