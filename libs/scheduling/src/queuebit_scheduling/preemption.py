"""Which placed jobs give way to a job that goes before them: they are placed again, behind it (ADR 0104).

A backend starts jobs in the order of their placements. So a job that gives way has its new place after the other one,
and keeps a place: nothing that has started is stopped, and no job waits without a place because of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from queuebit_scheduling.classes import class_of, is_late
from queuebit_scheduling.isolation import takes
from queuebit_scheduling.snapshot import BackendCapacity, Job, Movable
from queuebit_scheduling.windows import fits, longer_us, room

__all__ = ["GAIN_US", "LEAST_US", "MOVES", "gained_us", "gives_way", "has_room", "movers", "rank", "rule", "worth_us"]

MOVES: Final = 2
"""How often one job gives way at most, if it is no spot job."""

GAIN_US: Final = 5_000_000
"""Jobs give way only if the other one starts sooner by at least this."""

LEAST_US: Final = 1_000_000
"""A job gives way only if its run takes at least this for each slot: to place a shorter one again gains too little."""


def rank(job: Job) -> tuple[int, int, int]:
    """Return what jobs of one project are compared by: `interactive`, then the class, then the priority."""
    work = class_of(job.workload_class)
    return 0 if work.first else 1, work.rank, -job.priority


def rule(job: Job, placed: Job) -> str | None:
    """Return why a job goes before one that is placed: `class`, `priority` or `spot`; None if it does not.

    A spot job gives way to each other job. Otherwise both are of one tenant. Of several projects, only jobs of the
    class `interactive` go before others, as in the order of waiting jobs: to share among projects is the matter of
    their weights.
    """
    if placed.spot:
        return None if job.spot else "spot"
    if job.tenant != placed.tenant or job.session is not None or placed.session is not None or is_late(job):
        return None
    mine, other = rank(job), rank(placed)
    if mine >= other or (job.project != placed.project and mine[0] == other[0]):
        return None
    return "class" if mine[:2] < other[:2] else "priority"


def worth_us(slots: int) -> int:
    """Return the least run time of a job that gives way on a backend with so many slots."""
    return LEAST_US * slots


def gives_way(placed: Movable, job: Job, capacity: BackendCapacity, expected_us: int, at_us: int, aged_us: int) -> bool:
    """Whether a placed job gives way to a waiting one on its backend. A spot job does so however often.

    Args:
        placed: the placed job.
        job: the waiting job.
        capacity: the backend, with its load.
        expected_us: the run time of the waiting job there.
        at_us: the moment of the decision.
        aged_us: after what time of waiting it gives way to `interactive` alone.
    """
    why = rule(job, placed.job)
    if why is None or placed.expected_us < worth_us(capacity.slots):
        return False
    aged = at_us - placed.job.accepted_us >= aged_us and rank(job)[0] == rank(placed.job)[0]
    if why != "spot" and (placed.moves >= MOVES or aged):  # then only `interactive` goes before it
        return False
    time = room(placed.job, capacity, at_us)
    if time is None or time.reservation is not None:
        return False
    behind = capacity.with_jobs(0, expected_us - placed.expected_us)  # all others are in front of it
    if not fits(placed.job, behind, placed.expected_us, at_us):
        return False
    ends_us = at_us + longer_us(_before_us(behind, behind.backlog_us) + placed.expected_us)
    return why == "spot" or placed.job.deadline_us is None or ends_us <= placed.job.deadline_us


def movers(
    job: Job, capacity: BackendCapacity, expected_us: int, placed: Iterable[Movable], at_us: int, aged_us: int
) -> tuple[Movable, ...]:
    """Return the jobs on a backend that give way to a job, oldest first; none if it gains too little.

    Args:
        job: the waiting job.
        capacity: the backend, with its load.
        expected_us: the run time of the waiting job there.
        placed: the placed jobs there that may give way.
        at_us: the moment of the decision.
        aged_us: after what time of waiting they give way to `interactive` alone.
    """
    time = room(job, capacity, at_us)
    if time is None or time.reservation is not None:
        return ()
    found = tuple(it for it in placed if gives_way(it, job, capacity, expected_us, at_us, aged_us))
    return found if found and gained_us(capacity, found) >= GAIN_US else ()


def gained_us(capacity: BackendCapacity, moved: Iterable[Movable]) -> int:
    """Return how much sooner a job starts that is placed on a backend, if these jobs are not in front of it."""
    left_us = capacity.backlog_us - sum(it.expected_us for it in moved)
    return _before_us(capacity, capacity.backlog_us) - _before_us(capacity, left_us)


def has_room(job: Job, capacity: BackendCapacity, expected_us: int, at_us: int) -> bool:
    """Whether a full backend takes a job to which others give way: one more than its places for each slot."""
    over = capacity.taken - capacity.queue_depth
    allowed = takes(capacity, job.tenant) and not capacity.sessions and over < capacity.slots
    return allowed and fits(job, capacity, expected_us, at_us)


def _before_us(capacity: BackendCapacity, backlog_us: int) -> int:
    """Return when a job starts that is placed behind so much run time."""
    return max(capacity.queue_us, -(-backlog_us // max(1, capacity.slots)))
