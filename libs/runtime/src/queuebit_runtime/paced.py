"""A queue whose items are taken together, at a pace."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

from queuebit_kernel import Clock

__all__ = ["Paced"]

_T = TypeVar("_T")

_QUIET_S = 0.075
"""The default of `quiet_s`: longer than the gaps between the items of a burst."""


class Paced(Generic[_T]):
    """Gives what waits, all of it at once, to work that has a fixed cost each time.

    While items keep coming, they are taken at least `linger_s` apart, unless `most` wait, or no further one has come
    for `quiet_s`: a burst is over, and its last items should not wait. The first after a rest does not wait either.
    """

    def __init__(self, clock: Clock, *, most: int, linger_s: float, quiet_s: float = _QUIET_S) -> None:
        self._clock = clock
        self._most = most
        self._linger_s = linger_s
        self._quiet_s = quiet_s
        self._items: deque[_T] = deque()
        self._ready_at = clock.monotonic()
        self._some = asyncio.Event()
        self._full = asyncio.Event()

    def put(self, item: _T) -> None:
        """Add an item."""
        self._items.append(item)
        self._signal()

    async def wait(self) -> None:
        """Return as soon as there is an item."""
        await self._some.wait()

    async def take(self) -> list[_T]:
        """Wait for items, and take them, oldest first; at most `most`."""
        await self._some.wait()
        await self._linger()
        self._ready_at = self._clock.monotonic() + self._linger_s
        taken = [self._items.popleft() for _ in range(min(len(self._items), self._most))]
        self._signal()
        return taken

    async def _linger(self) -> None:
        came = 0
        while (left := self._ready_at - self._clock.monotonic()) > 0 and len(self._items) > came:
            came = len(self._items)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._quiet_s)):
                    await self._full.wait()
                    return

    def _signal(self) -> None:
        for event, due in ((self._some, bool(self._items)), (self._full, len(self._items) >= self._most)):
            if due:
                event.set()
            else:
                event.clear()
