"""Which placed jobs that have not started are moved, because another backend became better for them (ADR 0115).

A placement was the best choice of its moment. Later a backend may be free sooner than expected, serve again, run more
slowly, or get a window. A move never makes a job later, and never brings it back to a backend that it left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from queuebit_scheduling.isolation import takes
from queuebit_scheduling.plan import Choice, Target, best
from queuebit_scheduling.preemption import GAIN_US
from queuebit_scheduling.snapshot import BackendCapacity, Movable
from queuebit_scheduling.windows import obstacle, room

__all__ = ["MOVES", "better", "ends_us", "in_front", "left_us"]

MOVES: Final = 2
"""How often one job is moved at most."""


def left_us(expected_us: int, ran_us: int) -> int:
    """Return how long a run is expected to go on; one that is late, as long again as it is late."""
    return abs(expected_us - ran_us)


def in_front(capacity: BackendCapacity, ahead_us: int) -> BackendCapacity:
    """Return a backend as a placed job there sees it, behind so much run time."""
    return replace(capacity, backlog_us=ahead_us, taken=min(1, ahead_us))


def ends_us(placed: Movable, capacity: BackendCapacity, expected_us: int, at_us: int) -> int:
    """Return in what time a placed job is expected to end where it waits, after a window that it cannot end before.

    Args:
        placed: the job.
        capacity: its backend, with its load.
        expected_us: its run time there.
        at_us: the moment of the decision.
    """
    ahead_us = placed.ahead_us or 0
    before_us = max(capacity.queue_us, -(-ahead_us // max(1, capacity.slots)))
    if (window := obstacle(placed.job, in_front(capacity, ahead_us), expected_us, at_us)) is not None:
        before_us = max(before_us, window.end_us - at_us)
    return before_us + expected_us


def better(choice: Choice, placed: Movable, targets: Sequence[Target], at_us: int) -> Target | None:
    """Return where a placed job is moved; None if it stays.

    It goes to a free candidate where it ends sooner by `GAIN_US` or more, and which its objective prefers. A job in the
    slot of a reservation stays.

    Args:
        choice: the rules of its objective.
        placed: the job.
        targets: where it may be placed now, and where it waits, with the time until it ends.
        at_us: the moment of the decision.
    """
    here = next((it for it in targets if it.candidate.backend == placed.backend), None)
    if here is None or here.capacity is None or not takes(here.capacity, placed.job.tenant):
        return None
    time = room(placed.job, here.capacity, at_us)
    if time is not None and time.reservation is not None:
        return None
    latest_us = here.completion_us - GAIN_US
    known = {placed.backend, *placed.left}
    sooner = [it for it in targets if it.free and it.completion_us <= latest_us and it.candidate.backend not in known]
    chosen = best(choice, [here, *sooner])
    return None if chosen is here else chosen
