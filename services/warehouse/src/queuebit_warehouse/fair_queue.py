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


class _Queue:
    """Queries that share a limit of workers."""

    def __init__(self, workers: int) -> None:
        self.turns = asyncio.Semaphore(workers)
        self.most = workers * _QUEUE_PER_WORKER
        self.waiting = 0


class FairQueue:
    """Lends workers; its queues have limited lengths.

    A query may run for hours. Therefore one reader (all users of one tenant together) may use a quarter of the workers,
    and all readers together three quarters, so that the writer, which follows the log, always gets one.
    """

    def __init__(self, workers: int) -> None:
        self._share = max(1, workers // 4)
        self._workers = asyncio.Semaphore(workers)
        self._readers = asyncio.Semaphore(max(1, workers - self._share))
        self._writer = _Queue(workers)
        self.running = 0
        """Queries that have a worker."""
        self._queues: WeakValueDictionary[tuple[str, str], _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, login: Login) -> AsyncIterator[None]:
        """Wait for a worker, and keep it until the end of the block.

        Raises:
            Overloaded: too many queries of this reader, or of the writer, are waiting.
        """
        queue = self._writer if login.writes else self._queues.setdefault(_queue_of(login), _Queue(self._share))
        if queue.waiting >= queue.most:
            raise Overloaded(queue.most)
        async with AsyncExitStack() as held:
            queue.waiting += 1
            try:
                await held.enter_async_context(queue.turns)
                if not login.writes:
                    await held.enter_async_context(self._readers)
                await held.enter_async_context(self._workers)
            finally:
                queue.waiting -= 1
            self.running += 1
            try:
                yield
            finally:
                self.running -= 1


def _queue_of(login: Login) -> tuple[str, str]:
    return ("tenant", login.tenant) if login.tenant is not None else ("user", login.user)
