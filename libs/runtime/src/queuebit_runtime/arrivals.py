"""Messages of a subscription, one by one, with a limit on silence."""

from __future__ import annotations

import asyncio

from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Msg

__all__ = ["Arrivals"]


class Arrivals:
    """Messages of a subscription, one by one, until none arrives in time. One timer serves all messages."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._newest_at = self._loop.time()
        self._timer = self._loop.call_later(timeout_s, self._look)

    async def put(self, message: Msg) -> None:
        """Take a message from the subscription."""
        self._newest_at = self._loop.time()
        self._arrived.put_nowait(message)

    async def next(self) -> Msg:
        """The next message; raises `Unavailable` if none arrives in time."""
        message = await self._arrived.get()
        if message is None:
            raise Unavailable(f"no message for {self._timeout_s:g} s")
        return message

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._newest_at + self._timeout_s - self._loop.time()
        if left <= 0:
            self._arrived.put_nowait(None)
        else:
            self._timer = self._loop.call_later(left, self._look)
