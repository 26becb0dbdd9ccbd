"""Keeps the sums of cases: adds what the table of events has more, in the order of the log.

As for the events themselves, the position is stored in the warehouse alone, and an insert whose token names it is
a compare-and-set. So an event is in the sums once, even if processes are killed. Sums that are of other events, or that
lost rows, are made again from the events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from queuebit_kernel import Clock, Unavailable
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.ports import CaseSums

__all__ = ["ENOUGH", "LATE_S", "MOST", "SumCases"]

_log = logging.getLogger(__name__)

MOST: Final = 100_000
"""Events in one insert."""
ENOUGH: Final = 10_000
"""Events that are worth an insert: fewer are read from their own table in a few milliseconds."""
LATE_S: Final = 60.0
"""How long fewer events may wait."""
_EVERY_S: Final = 5.0


class SumCases:
    """The only writer of `case_sums` in a process."""

    def __init__(self, sums: CaseSums, position: Callable[[], int], clock: Clock) -> None:
        """`position` is the last sequence of the log that the warehouse has, as the sink knows it."""
        self._sums = sums
        self._position = position
        self._clock = clock
        self._through = 0
        self._added_at = float("-inf")
        self._refusals = 0

    async def run(self) -> None:
        """Add what is new until cancelled."""
        while True:
            try:
                while await self():
                    pass
            except (NoTables, OtherGeneration, Unavailable) as error:
                _log.info("cases are not summed yet, and will be tried again: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def __call__(self) -> bool:
        """Add the next part, if it is large or old enough; return whether there may be more.

        Raises:
            Unavailable: the warehouse does not answer.
            NoTables: it has no table of events.
            OtherGeneration: it was rebuilt meanwhile.
        """
        new = self._position() - self._through
        if 0 <= new < ENOUGH and self._clock.monotonic() < self._added_at + LATE_S:
            return False
        found = await self._sums.summed()
        if not found.sound:
            _log.info("the sums of cases are made again from the events")
            await self._sums.renew_sums(found.events.generation)
            found = await self._sums.summed()
        after, self._through = found.through, found.through
        self._added_at = self._clock.monotonic()
        if found.events.seq <= after:
            return False
        through = min(found.events.seq, after + MOST)
        token = f"CASES>{after}" + (f"#{self._refusals}" if self._refusals else "")
        await self._sums.add_cases(after, through, token)
        self._through = (await self._sums.summed()).through
        # A crash can leave a token behind without its rows.
        self._refusals = self._refusals + 1 if self._through == after else 0
        return self._through < found.events.seq
