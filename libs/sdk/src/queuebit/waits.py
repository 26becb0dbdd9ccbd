"""How long the tenant's newest jobs waited for each backend: what a plan says about the wait of the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from queuebit.errors import QueuebitError

if TYPE_CHECKING:
    from queuebit.client import AsyncClient

__all__ = ["RECENT_JOBS", "UsualWait", "recent_jobs", "usual_waits"]

RECENT_JOBS = 200
"""So many of the newest jobs of the tenant are read, on all backends together."""
_LOW, _HIGH = 10, 90
"""Percentiles: eight of ten jobs waited no less and no longer."""


@dataclass(frozen=True, slots=True)
class UsualWait:
    """The waits of jobs on one backend, from acceptance to start, in milliseconds."""

    median_ms: float
    low_ms: float
    """One of ten jobs waited less."""
    high_ms: float
    """One of ten jobs waited longer."""
    jobs: int
    """How many jobs these figures are from."""


async def recent_jobs(client: AsyncClient, until: datetime | None = None) -> Sequence[Mapping[str, object]]:
    """The newest jobs, or those before a time; none while the warehouse does not answer: no choice depends on them."""
    try:
        return await client.jobs(limit=RECENT_JOBS, until=until)
    except QueuebitError:
        return ()


def usual_waits(jobs: Sequence[Mapping[str, object]]) -> dict[str, UsualWait]:
    """Return the usual wait by backend; backends without a job that started are left out."""
    waits: dict[str, list[float]] = {}
    for it in jobs:
        if it.get("backend") and (waited := it.get("queue_wait_ms")) is not None:
            waits.setdefault(str(it["backend"]), []).append(float(str(waited)))
    return {backend: _usual(sorted(it)) for backend, it in waits.items()}


def _usual(waits: list[float]) -> UsualWait:
    """Percentiles by nearest rank, so that each is the wait of a job."""
    low, high = (waits[-(-share * len(waits) // 100) - 1] for share in (_LOW, _HIGH))
    return UsualWait(median(waits), low, high, len(waits))
