"""Decides which query runs next: readers leave workers to the writer and to other readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from queuebit_warehouse.errors import Overloaded
from queuebit_warehouse.logins import Login

__all__ = ["FairQueue"]

_QUEUE_PER_WORKER = 16


class _Line:
    """Queries that share a limit of workers."""

    def __init__(self, workers: int) -> None:
        self.turns = asyncio.Semaphore(workers)
        self.most = workers * _QUEUE_PER_WORKER
        self.waiting = 0


class FairQueue:
    """Lends workers, in queues of bounded length.

    A query may run for hours. So a reader, all users of one tenant together, has a quarter of the workers, and all
    readers have three quarters: the writer, which follows the log, always finds one.
    """

    def __init__(self, workers: int) -> None:
        self._share = max(1, workers // 4)
        self._workers = asyncio.Semaphore(workers)
        self._readers = asyncio.Semaphore(max(1, workers - self._share))
        self._writer = _Line(workers)
        self._lines: WeakValueDictionary[tuple[str, str], _Line] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, login: Login) -> AsyncIterator[None]:
        """Wait for a worker, and keep it until the end of the block.

        Raises:
            Overloaded: too many queries of this reader, or of the writer, wait already.
        """
        line = self._writer if login.writes else self._lines.setdefault(_whose(login), _Line(self._share))
        if line.waiting >= line.most:
            raise Overloaded(line.most)
        async with AsyncExitStack() as held:
            line.waiting += 1
            try:
                await held.enter_async_context(line.turns)
                if not login.writes:
                    await held.enter_async_context(self._readers)
                await held.enter_async_context(self._workers)
            finally:
                line.waiting -= 1
            yield


def _whose(login: Login) -> tuple[str, str]:
    return ("tenant", login.tenant) if login.tenant is not None else ("user", login.user)
