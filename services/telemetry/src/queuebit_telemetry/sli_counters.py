"""Cases of objectives as counters of Prometheus, which the rules of `qb slo rules` read.

A counter has the cases since a day before the process started: a late event of that time adds to it when it arrives.
The warehouse plans some thirty queries for one round, a second or more of a processor. Where no Prometheus reads the
metrics, nothing is counted; one that reads them again gets the new counts half a minute later.
A job is a case when it ended. Names of tenants, projects and workload classes are no labels: a counter is about all of
them together. Tenants choose classes as they like, and a metric has few series.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from queuebit_kernel import Clock, Unavailable
from queuebit_runtime.metrics import Labels, Metrics
from queuebit_slo import Objective, counted, query
from queuebit_slo.prometheus import CASES, GOOD
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.ports import Cases

__all__ = ["LABELS", "CountObjectives"]

_log = logging.getLogger(__name__)

LABELS: Final = ("backend", "vendor")
"""The columns of `by` that are labels, beside the name of the objective."""

_EVERY_S: Final = 30.0
_PAUSE_FACTOR: Final = 5
"""The pause after a round, in times of its duration: rounds take at most a sixth of the time."""
_BEFORE: Final = timedelta(days=1)
_RESTS: Final = 4
"""Rounds after the last new event in which cases may still change: some are counted when they are a minute old."""


class CountObjectives:
    """Counts the cases of all objectives again and again, and adds what is new to the counters."""

    def __init__(
        self,
        cases: Cases,
        promised: Sequence[Objective],
        metrics: Metrics,
        clock: Clock,
        position: Callable[[], int],
    ) -> None:
        """`position` is the last sequence that the warehouse has of the log: while that rests, nothing is counted."""
        self._cases = cases
        self._metrics = metrics
        self._promised = [replace(it, by=tuple(name for name in LABELS if name in it.by)) for it in promised]
        self._clock = clock
        self._since = clock.now().replace(minute=0, second=0, microsecond=0) - _BEFORE
        named = ("objective", *LABELS)
        self._totals = metrics.counter(CASES, "Cases of an objective.", *named)
        self._goods = metrics.counter(GOOD, "Good cases of an objective.", *named)
        self._counted: dict[Labels, tuple[int, int]] = {}
        self._position = position
        self._seen, self._rests = -1, 0
        self._read = metrics.reads

    async def run(self) -> None:
        """Count until cancelled."""
        while True:
            began = self._clock.monotonic()
            if self.was_read() and self.has_news():
                await self()
            await asyncio.sleep(max(_EVERY_S, _PAUSE_FACTOR * (self._clock.monotonic() - began)))

    def was_read(self) -> bool:
        """Whether the metrics were read since the round before; call it once in each round."""
        before, self._read = self._read, self._metrics.reads
        return self._read != before

    def has_news(self) -> bool:
        """Whether this round may find other counts than the one before; call it once in each round."""
        self._rests = 0 if self._position() != self._seen else self._rests + 1
        self._seen = self._position()
        return self._rests < _RESTS

    async def __call__(self) -> None:
        """Count once; an objective that the warehouse cannot count now keeps its counters."""
        for objective in self._promised:
            try:
                await self._count(objective)
            except (NoTables, OtherGeneration, Unavailable) as error:
                _log.info("the counters of objective %s stay as they are: %s", objective.name, error)

    async def _count(self, objective: Objective) -> None:
        now = self._clock.now()
        rows = await self._cases.cases(query(objective, now, [now - self._since], open_jobs=False))
        for group, spans in counted(objective, rows):
            (counts,) = spans.values()
            labels = (objective.name, *(group.get(it, "") for it in LABELS))
            good, total = self._counted.get(labels, (0, 0))
            self._counted[labels] = (max(good, counts.good), max(total, counts.total))
            self._goods.add(*labels, by=max(0, counts.good - good))
            self._totals.add(*labels, by=max(0, counts.total - total))
