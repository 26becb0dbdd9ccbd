"""Reports the usage of cancelled runs, so that it is billed and the rest of the hold is released."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from queuebit_contracts import subjects
from queuebit_contracts.job import (
    JobCancelled,
    JobPlaced,
    JobStarted,
    JobUsageReported,
    Start,
    Usage,
)
from queuebit_contracts.usage import run_usage
from queuebit_executor import events
from queuebit_executor.instance import Instance
from queuebit_kernel import Clock, Stale
from queuebit_runtime.log import EventLog, Stored

__all__ = ["ReportCancelled", "Stopwatch"]

_log = logging.getLogger(__name__)


class Stopwatch:
    """How long a run has kept a worker busy."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began: float | None = None

    def start(self) -> None:
        """Start to count, now that a worker has the run."""
        self._began = self._clock.monotonic()

    def reset(self) -> None:
        """Count nothing: the run is made again, later."""
        self._began = None

    def usage(self) -> Usage:
        """The time so far; none where no worker had the run, as after a crash."""
        seconds = 0.0 if self._began is None else self._clock.monotonic() - self._began
        return run_usage(qpu_us=round(seconds * 1e6))


class ReportCancelled:
    """Keeps the promise of `started`: the usage of a cancelled run is reported, once.

    The placement is acknowledged after that. If this process ends before, the next delivery reports that nothing is
    known to be used: a lost attempt is free.
    """

    def __init__(self, log: EventLog, *, me: Instance) -> None:
        self._log = log
        self._me = me

    async def __call__(self, placed: JobPlaced, sequence: int, usage: Usage) -> None:
        """Report, if the job was cancelled after it started and nothing was reported yet.

        Raises:
            Unavailable: the log does not answer; the placement is delivered again.
        """
        job = subjects.job(placed.data.tenant, placed.data.job)
        start = _owed(await self._log.history(job, reaching=sequence), sequence)
        if start is None:
            return
        report = events.usage_reported(
            self._me,
            placed,
            backend=start.backend,
            attempt=start.attempt,
            revision=1,
            usage=usage,
            reason="the job was cancelled while it ran",
        )
        try:
            await self._log.append(report, after=0)
        except Stale:
            _log.info("the usage of cancelled job %s was reported before", start.job)


def _owed(history: Iterable[Stored], placement: int) -> Start | None:
    """The attempt whose usage the placement at sequence `placement` reports; a newer placement reports its own."""
    start, cancelled = None, False
    for stored in history:
        match stored.event:
            case JobStarted(data=data):
                start = data
            case JobCancelled():
                cancelled = True
            case JobUsageReported():
                return None
            case JobPlaced() if stored.sequence > placement:
                return None
    return start if cancelled and start is not None and start.reports_usage else None
