"""Detects that a placement needs no run any more: its job was cancelled, ended, was placed again, or waits again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from queuebit_contracts.subjects import Aggregate, parse
from queuebit_contracts.subjects import job as job_history
from queuebit_executor.interrupt import Interrupt
from queuebit_executor.policy import needless
from queuebit_executor.state import recall
from queuebit_kernel import Malformed, Superseded, Unavailable
from queuebit_runtime.log import EventLog

__all__ = ["LOOK_S", "JobWatch"]

LOOK_S = 5.0
"""Seconds between two reads of the log without a hint: a hint can be lost with its connection."""

_SETTLING_S = (0.01, 0.05, 0.2, 0.7)
"""Seconds until the looks after a hint, which can be faster than the storage of what it hints at."""

_T = TypeVar("_T")


class JobWatch:
    """Watches jobs that wait for a worker or run. A hint only says when to look; the log alone decides."""

    def __init__(self, log: EventLog, look_s: float = LOOK_S) -> None:
        self._log = log
        self._look_s = look_s
        self._watched: defaultdict[str, list[_Watched]] = defaultdict(list)

    def hint(self, subject: str) -> None:
        """Say that an event on this subject was seen; it may not be stored yet, or never be."""
        it = parse(subject)
        for watched in self._watched.get(job_history(it.tenant, it.id).prefix, ()):
            watched.look_after(_SETTLING_S)

    async def while_needed(self, job: Aggregate, placement: int, work: Coroutine[Any, Any, _T]) -> _T:
        """Do `work` for the placement at sequence `placement`; cancel it once it is needless.

        Raises:
            Superseded: the work was cancelled.
        """
        with _Watched(self._log, job, placement, self._look_s) as watched:
            self._watched[job.prefix].append(watched)
            try:
                return await work
            finally:
                watched.stop()
                self._watched[job.prefix].remove(watched)
                if not self._watched[job.prefix]:
                    del self._watched[job.prefix]


class _Watched(Interrupt):
    """One placement. Nothing but a timer runs for it until there is a reason to look."""

    def __init__(self, log: EventLog, job: Aggregate, placement: int, look_s: float) -> None:
        super().__init__()
        self._log = log
        self._job = job
        self._placement = placement
        self._look_s = look_s
        self._looking: asyncio.Task[None] | None = None
        self._look_later()

    def look_after(self, pauses: Iterable[float]) -> None:
        """Read the log after each of these pauses, and then at the usual times."""
        self.stop()
        self._looking = asyncio.ensure_future(self._look(pauses))

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._look_s, self.look_after, (0.0,))

    async def _look(self, pauses: Iterable[float]) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            with suppress(Unavailable, Malformed):  # what appends the job's end reads the same, and decides
                history = await self._log.history(self._job, reaching=self._placement)
                if why := needless(recall(history), self._placement):
                    self.end(Superseded(why))
                    return
        self._look_later()
