"""How far the log is ahead of the warehouse, now and a moment ago."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from queuebit_kernel import Clock, Unavailable
from queuebit_telemetry.ports import Log
from queuebit_telemetry.state import Head

__all__ = ["Backlog"]

_log = logging.getLogger(__name__)

_EVERY_S = 1.0
_KEPT = 300


class Backlog:
    """Samples the head of the log."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._source = log
        self._clock = clock
        self._heads: deque[tuple[float, Head]] = deque(maxlen=_KEPT)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            try:
                await self.sample()
            except Unavailable as error:
                _log.debug("the head of the log is unknown: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def sample(self) -> None:
        """Read the head once; raises `Unavailable` when the log does not answer."""
        head = await self._source.head()
        self._heads.append((self._clock.monotonic(), head))

    @property
    def head(self) -> Head:
        """The head as of the latest sample."""
        return self._heads[-1][1] if self._heads else Head(0, 0, 0)

    def behind(self, seq: int) -> int:
        """Messages after `seq`, as of the latest sample."""
        return max(0, self.head.last - seq)
