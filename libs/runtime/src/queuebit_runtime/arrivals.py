"""Messages of a subscription, in bursts, with a limit on silence."""

from __future__ import annotations

import asyncio

from queuebit_kernel import Unavailable
from queuebit_runtime.received import Received
from queuebit_runtime.silence import Silence

__all__ = ["Arrivals"]


class Arrivals:
    """Messages of a subscription, as many at once as have arrived. One timer limits the silence between them."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._arrived: list[Received] = []
        self._waiting: asyncio.Future[None] | None = None
        self._silence = Silence(timeout_s, self._wake)

    def put(self, message: Received) -> None:
        """Take a message from the subscription."""
        self._silence.end()
        self._arrived.append(message)
        self._wake()

    async def take(self) -> list[Received]:
        """All messages that have arrived, at least one; raises `Unavailable` if none arrives in time."""
        if not self._arrived:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        arrived, self._arrived = self._arrived, []
        if not arrived:
            raise Unavailable(f"no message for {self._timeout_s:g} s")
        return arrived

    def close(self) -> None:
        """Stop the timer."""
        self._silence.close()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
