"""Sources that are asked less often than every round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from queuebit_alerting.ports import PartlyMeasured, SignalSource
from queuebit_alerting.state import Signal
from queuebit_kernel import Clock, Unavailable

__all__ = ["Paced"]


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
