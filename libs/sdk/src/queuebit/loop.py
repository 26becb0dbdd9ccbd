"""Runs coroutines for callers without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import Future
from typing import TypeVar

from queuebit.errors import InvalidInput

__all__ = ["Loop"]

_T = TypeVar("_T")


class Loop:
    """An event loop in a thread that ends with the program."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="queuebit", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def start(self, work: Coroutine[object, object, _T]) -> Future[_T]:
        if self.closed:
            work.close()
            raise InvalidInput("this client is closed: call it inside its `with` block, or create a new Client()")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[object, object, _T]) -> _T:
        running = self.start(work)
        try:
            return running.result()
        finally:
            running.cancel()  # an interrupted wait cancels the work

    def each(self, stream: AsyncGenerator[_T, None]) -> Iterator[_T]:
        try:
            while (item := self.run(_next(stream))) is not None:
                yield item
        finally:
            self.run(stream.aclose())

    def close(self) -> None:
        self.run(_end_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_others() -> None:
    """Cancel tasks that the connection left behind: a connection closed by the server leaves its subscriptions."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _next(stream: AsyncGenerator[_T, None]) -> _T | None:
    return await anext(stream, None)
