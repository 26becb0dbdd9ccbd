"""Places to run, given to waiting tenants in turn: one with many jobs delays another by one job, not by all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

__all__ = ["Places"]


class Places:
    """A number of places."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By tenant, the one whose turn is next first."""

    async def take(self, tenant: str) -> None:
        """Wait for a place, to be given back with `give_back`."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(place)
        self._hand_out()
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given in the same moment
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a place back, for the next tenant."""
        self._free += 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            tenant, places = self._waiting.popitem(last=False)
            place = places.popleft()
            if places:
                self._waiting[tenant] = places
            if not place.done():
                self._free -= 1
                place.set_result(None)
