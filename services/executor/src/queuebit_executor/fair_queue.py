"""Decides who is next when several callers wait for a few items."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

from queuebit_executor.errors import Overloaded

__all__ = ["MAX_WAITING", "FairQueue"]

MAX_WAITING = 64
"""Requests of one line that may wait; a line is a tenant, or all that was placed on one backend."""

_T = TypeVar("_T")


class FairQueue(Generic[_T]):
    """Lends idle items. Lines take turns; within a line, the order is that of arrival.

    A long line delays no other line. The item that was used last is lent first, because its caches are warm.
    """

    def __init__(self) -> None:
        self._idle: list[_T] = []
        self._lines: OrderedDict[str, deque[asyncio.Future[_T]]] = OrderedDict()

    @property
    def idle(self) -> int:
        """Idle items."""
        return len(self._idle)

    async def take(self, line: str, by: float | None = None) -> _T:
        """Wait for one; `by` is the latest moment, on the loop's clock, at which it is still of use.

        Raises:
            Overloaded: the line is too long, or the moment has passed.
        """
        loop = asyncio.get_running_loop()
        if by is not None and by <= loop.time():
            raise _too_late()
        if self._idle:
            return self._idle.pop()
        waiting = self._lines.setdefault(line, deque())
        if len(waiting) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} circuits wait already: try again")
        turn: asyncio.Future[_T] = loop.create_future()
        waiting.append(turn)
        try:
            async with asyncio.timeout_at(by):
                return await turn
        except TimeoutError:
            self._leave(line, turn)
            raise _too_late() from None
        except asyncio.CancelledError:
            self._leave(line, turn)
            raise

    def give(self, thing: _T) -> None:
        """Give a thing to the next caller, or keep it until there is one."""
        while self._lines:
            line, waiting = next(iter(self._lines.items()))
            turn = waiting.popleft()
            if waiting:
                self._lines.move_to_end(line)
            else:
                del self._lines[line]
            if not turn.done():
                turn.set_result(thing)
                return
        self._idle.append(thing)

    def _leave(self, line: str, turn: asyncio.Future[_T]) -> None:
        """Give up waiting; a thing that was handed over in the same moment goes to the next."""
        if turn.done() and not turn.cancelled():
            self.give(turn.result())
            return
        waiting = self._lines.get(line, deque())
        if turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._lines[line]


def _too_late() -> Overloaded:
    return Overloaded("others took so long that the time for this one is over: try again")
