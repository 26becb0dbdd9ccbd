"""Keeps the cases of indicators that need many events: asks their views again and again, when the log has grown.

A view over ten million events takes seconds, and what is kept of it is read in milliseconds. Each view is
asked as a whole, so late and repeated events count as in the view; no state is carried from one time to the next.
Jobs without an end are asked for more often, and also while the log does not grow: those that wait get older.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from queuebit_contracts.kept_cases import KEPT, KEPT_OPEN
from queuebit_kernel import Clock, Unavailable
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.ports import KeptCases

__all__ = ["LEAST_PAUSE_S", "MOST_PAUSE_S", "OPEN_FACTOR", "PAUSE_FACTOR", "REPEATS", "KeepCases"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 5.0
"""Between two looks at what is due, in seconds; and the shortest pause of jobs without an end."""
LEAST_PAUSE_S: Final = 30.0
"""The shortest pause of the other views."""
PAUSE_FACTOR: Final = 100
"""The pause after a view was asked, as a multiple of the time that it took: each view uses at most a hundredth of
the time of the engine, up to the longest pause."""
OPEN_FACTOR: Final = 20
"""The same for jobs without an end."""
MOST_PAUSE_S: Final = 600.0
"""The longest pause: a view that takes over six seconds uses more than a hundredth of the time."""
REPEATS: Final = 4
"""How often a view is asked after the last new event: a span may arrive after the end of its job."""


class KeepCases:
    """Asks the views one after another, each when its pause is over."""

    def __init__(
        self, cases: KeptCases, position: Callable[[], int], clock: Clock, indicators: Sequence[str] = KEPT
    ) -> None:
        """`position` is the last sequence that the warehouse has; while it stays the same, nothing is asked."""
        self._indicators = indicators
        self._cases = cases
        self._position = position
        self._clock = clock
        self._due = dict.fromkeys(indicators, float("-inf"))
        self._asked = dict.fromkeys(indicators, (-1, 0))
        self._open: set[str] = set()

    async def run(self) -> None:
        """Keep what is due until cancelled."""
        while True:
            try:
                await self()
            except (NoTables, OtherGeneration, Unavailable) as error:
                _log.info("cases are not kept yet, and will be tried again: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def __call__(self) -> None:
        """Ask each view that is due and may have something new.

        Raises:
            Unavailable: the warehouse does not answer.
            NoTables: it has no tables.
            OtherGeneration: it was rebuilt meanwhile.
        """
        for indicator in self._indicators:
            if self._clock.monotonic() >= self._due[indicator] and self._has_news(indicator):
                await self._keep(indicator)

    def _has_news(self, indicator: str) -> bool:
        seen, repeats = self._asked[indicator]
        return self._position() != seen or repeats < REPEATS or indicator in self._open

    async def _keep(self, indicator: str) -> None:
        position, began = self._position(), self._clock.monotonic()
        cases = await self._cases.keep_cases(indicator, int(self._clock.now().timestamp() * 1_000_000))
        seen, repeats = self._asked[indicator]
        self._asked[indicator] = position, repeats + 1 if position == seen else 0
        self._open = self._open | {indicator} if cases and indicator in KEPT_OPEN else self._open - {indicator}
        ended = self._clock.monotonic()
        least, factor = (0.0, OPEN_FACTOR) if indicator in KEPT_OPEN else (LEAST_PAUSE_S, PAUSE_FACTOR)
        self._due[indicator] = ended + max(least, min(MOST_PAUSE_S, factor * (ended - began)))
