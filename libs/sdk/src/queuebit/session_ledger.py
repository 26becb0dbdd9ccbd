"""What the jobs of a session cost: bills, and holds where there is no bill yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from queuebit.errors import JobFailed, NotFound, Refused, StillRunning, Unreachable
from queuebit_contracts.job import JobAccepted
from queuebit_kernel import Money

if TYPE_CHECKING:
    from queuebit.job import AsyncJob

__all__ = ["SessionCost", "SessionLedger"]

_ADMISSION_S = 30.0


@dataclass(frozen=True, slots=True)
class SessionCost:
    """What the jobs of a session cost so far."""

    charged: Money | None
    """The sum of the bills; None before the first."""
    held: Money | None
    """Held for jobs without a final bill: the most that they can cost; None where nothing is held."""
    jobs: int
    """Those that were admitted, or are not decided yet."""


class SessionLedger:
    """The jobs that one session submitted."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[AsyncJob, Money | None]] = {}
        """Jobs without a final bill, each with its hold as far as known."""
        self._bills: dict[str, Money] = {}

    def enter(self, job: AsyncJob) -> None:
        """Note a job."""
        if job.id not in self._bills:
            self._open.setdefault(job.id, (job, None))

    async def admit(self, job: AsyncJob, most: Money) -> None:
        """Note a job with its hold, once it is admitted; with `most` if the platform does not decide in time."""
        if job.id in self._bills:
            return
        self._open[job.id] = job, most  # also if this wait is interrupted
        with suppress(StillRunning, Unreachable):
            hold = await _hold_of(job, _ADMISSION_S)
            if hold is None:
                del self._open[job.id]
            else:
                self._open[job.id] = job, hold

    def left_of(self, most: Money) -> Money:
        """What bills and holds leave of an amount."""
        taken = _sum([*self._bills.values(), *(hold for _, hold in self._open.values() if hold)])
        return most if taken is None else most - taken

    def fits_another(self, left: Money) -> bool:
        """Whether another job like the largest of those that are open has room."""
        return left.amount > max((hold.amount for _, hold in self._open.values() if hold), default=0)

    async def read_bills(self) -> None:
        """Replace holds by the bills that are final by now."""
        jobs = [job for job, _ in self._open.values()]
        for status in await asyncio.gather(*(job.status() for job in jobs)):
            if status.state == "rejected":
                self._open.pop(status.job, None)
            elif status.charge is not None and not status.provisional:
                self._open.pop(status.job, None)
                self._bills[status.job] = status.charge

    async def cost(self) -> SessionCost:
        """What the jobs cost by now."""
        await self.read_bills()
        holds = await asyncio.gather(*(_known_hold(job, hold) for job, hold in self._open.values()))
        held = _sum(it for it in holds if it is not None)
        return SessionCost(_sum(self._bills.values()), held, len(self._bills) + len(self._open))


async def _hold_of(job: AsyncJob, timeout: float) -> Money | None:
    """What is held for a job; None where it was never admitted."""
    try:
        decided = await job.until(("accepted", "rejected"), timeout)
    except (JobFailed, Refused):
        return None
    return decided.data.hold.money if isinstance(decided, JobAccepted) else None


async def _known_hold(job: AsyncJob, hold: Money | None) -> Money | None:
    with suppress(NotFound, StillRunning):
        return hold or await _hold_of(job, 0)
    return None


def _sum(amounts: Iterable[Money]) -> Money | None:
    found = [*amounts]
    return reduce(add, found) if found else None
