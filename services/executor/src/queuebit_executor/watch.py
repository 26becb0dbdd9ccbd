"""Detects that a placement needs no run any more: its job was cancelled, has ended, or was placed again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from queuebit_contracts.subjects import Aggregate, parse
from queuebit_contracts.subjects import job as job_history
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
        self._hints: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def hint(self, subject: str) -> None:
        """Say that an event on this subject was seen; it may not be stored yet, or never be."""
        it = parse(subject)
        for hinted in self._hints.get(job_history(it.tenant, it.id).prefix, ()):
            hinted.set()

    async def while_needed(self, job: Aggregate, placement: int, work: Coroutine[Any, Any, _T]) -> _T:
        """Do `work` for the placement at sequence `placement`; cancel it once it is needless.

        Raises:
            Superseded: the work was cancelled.
        """
        working, watching = asyncio.ensure_future(work), asyncio.ensure_future(self._needless(job, placement))
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise Superseded(watching.result())
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.wait((working, watching))

    async def _needless(self, job: Aggregate, placement: int) -> str:
        """Wait until the log says that the placement needs no run any more; return why."""
        hinted = asyncio.Event()
        pauses: Iterator[float] = iter(())
        self._hints[job.prefix].add(hinted)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(next(pauses, self._look_s)):
                        await hinted.wait()
                    hinted.clear()
                    pauses = iter(_SETTLING_S)
                    continue
                with suppress(Unavailable, Malformed):  # what appends the job's end reads the same, and decides
                    if why := needless(recall(await self._log.history(job, reaching=placement)), placement):
                        return why
        finally:
            self._hints[job.prefix].discard(hinted)
            if not self._hints[job.prefix]:
                del self._hints[job.prefix]
