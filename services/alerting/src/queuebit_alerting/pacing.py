"""Sources that are asked less often than every round."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from queuebit_alerting.ports import PartlyMeasured, SignalSource
from queuebit_alerting.state import Signal
from queuebit_kernel import Clock, Unavailable

__all__ = ["OnChange", "Paced"]


class Paced:
    """Asks a source once in a while, and repeats in between what it said.

    A source that cannot say anything is asked again in the next round.
    """

    def __init__(self, source: SignalSource, every_s: float, clock: Clock, *, whole_s: float = 7.0) -> None:
        """Prepare.

        Args:
            source: which one.
            every_s: how often it is asked.
            clock: measures that.
            whole_s: how long it may take: below the time between two rounds.
        """
        self._source = source
        self._every_s = every_s
        self._clock = clock
        self._whole_s = whole_s
        self._due = float("-inf")
        self._said: Sequence[Signal] | PartlyMeasured = ()

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """See `SignalSource`."""
        if (begun := self._clock.monotonic()) >= self._due:
            try:
                async with asyncio.timeout(self._whole_s):
                    self._said = await self._source.signals(now)
            except PartlyMeasured as partly:
                self._said = partly
            except TimeoutError as error:
                raise Unavailable(f"{type(self._source).__name__} did not answer within {self._whole_s:g} s") from error
            self._due = begun + self._every_s
        if isinstance(self._said, PartlyMeasured):
            raise self._said
        return self._said


class OnChange:
    """Asks a source in each round while the log grows; while it rests, once in a while, because windows move.

    It repeats in between what the source said. A source that could not say all is asked again in the next round.
    """

    def __init__(
        self,
        source: SignalSource,
        log_end: Callable[[], Awaitable[int]],
        clock: Clock,
        *,
        every_s: float = 30,
        late_s: float = 20,
    ) -> None:
        """Prepare.

        Args:
            source: which one.
            log_end: the last sequence of the log; raises `Unavailable`.
            clock: measures the times.
            every_s: how often the source is asked while the log rests.
            late_s: how long after an event the warehouse may get it: so long the log does not count as resting.
        """
        self._source = source
        self._log_end = log_end
        self._clock = clock
        self._every_s = every_s
        self._late_s = late_s
        self._end = -1
        self._grew_at = float("-inf")
        self._due = float("-inf")
        self._said: Sequence[Signal] = ()

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """See `SignalSource`."""
        begun, end = self._clock.monotonic(), await self._log_end()
        if end != self._end:
            self._end, self._grew_at = end, begun
        if begun - self._grew_at >= self._late_s and begun < self._due:
            return self._said
        self._due = begun
        self._said = await self._source.signals(now)
        self._due = begun + self._every_s
        return self._said
