"""Periods in which a backend is not free for every job: reservations, maintenance and calibration.

A job is placed only if it is expected to end before the next window that is not its own, and inside a reservation of
its holder, before the end of that. Short jobs so run before a window (backfill), and long ones wait for its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queuebit_scheduling.snapshot import BackendCapacity, Job

__all__ = ["COLD_US", "Room", "Window", "fits", "is_open", "longer_us", "obstacle", "room", "start_by_us"]

COLD_US: Final = 1_000_000
"""Added for a job on a backend without placed jobs: its worker may have to start first."""

_MARGIN: Final = 4
"""A job is expected to take a part of one in so many longer than its estimate."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period of a backend, from `start_us` until just before `end_us`."""

    start_us: int
    end_us: int
    kind: str
    """Such as `reservation`, `maintenance` or `calibration`; may grow."""
    tenant: str | None = None
    """The tenant that it is reserved for; None if it is for no job."""
    reservation: str | None = None
    """The id of the reservation; None for other kinds."""
    project: str | None = None
    """The project whose jobs use the reservation."""
    users: tuple[str, ...] | None = None
    """The users whose jobs use it, sorted; None: all of the project."""

    @property
    def place(self) -> tuple[int, int, str, str, str]:
        """What windows of one backend are sorted by."""
        return self.start_us, self.end_us, self.kind, self.tenant or "", self.reservation or ""

    def contains(self, at_us: int) -> bool:
        """Whether a moment is in it."""
        return self.start_us <= at_us < self.end_us

    def admits(self, job: Job) -> bool:
        """Whether a job runs in it: it is a reservation, and the job is of its holder."""
        own = self.tenant is not None and (job.tenant, job.project) == (self.tenant, self.project)
        return own and (self.users is None or job.user in self.users)


@dataclass(frozen=True, slots=True)
class Room:
    """The time of a backend that a job may use from a moment on."""

    until_us: int | None
    """The job must end before; None: no window is ahead."""
    reservation: str | None = None
    """The reservation in whose slot it runs."""


def room(job: Job, backend: BackendCapacity, at_us: int) -> Room | None:
    """Return the time of a backend that a job may use from a moment on; None while a window excludes it."""
    until_us, reservation = None, None
    for it in backend.windows:
        own = it.admits(job)
        if it.contains(at_us):
            if not own:
                return None
            until_us, reservation = it.end_us, it.reservation
        elif it.start_us > at_us and not own:
            until_us = it.start_us if until_us is None else min(until_us, it.start_us)
    return Room(until_us, reservation)


def is_open(job: Job, backend: BackendCapacity, at_us: int) -> bool:
    """Whether no window excludes a job from a backend at a moment, however short the job is."""
    return not backend.windows or room(job, backend, at_us) is not None


def fits(job: Job, backend: BackendCapacity, expected_us: int, at_us: int) -> bool:
    """Whether a job that is placed at a moment ends in time, also if the placed jobs and it take longer than expected.

    Args:
        job: the job.
        backend: with its load and its windows.
        expected_us: the run time of the job.
        at_us: the moment.
    """
    if not backend.windows:
        return True
    time = room(job, backend, at_us)
    if time is None or time.until_us is None:
        return time is not None
    before_us = max(backend.queue_us, -(-backend.backlog_us // max(1, backend.slots)))
    start_us = 0 if backend.taken else COLD_US
    return at_us + start_us + longer_us(before_us + expected_us) <= time.until_us


def start_by_us(time: Room, expected_us: int) -> int | None:
    """Return the last moment at which a job can start and end in time; None: any."""
    return None if time.until_us is None else time.until_us - longer_us(expected_us)


def obstacle(job: Job, backend: BackendCapacity, expected_us: int, at_us: int) -> Window | None:
    """Return the window that keeps a job from a backend at a moment; None if it fits."""
    if fits(job, backend, expected_us, at_us):
        return None
    around = [it for it in backend.windows if it.contains(at_us)]
    if foreign := [it for it in around if not it.admits(job)]:
        return foreign[0]
    ahead = [it for it in backend.windows if it.start_us > at_us and not it.admits(job)]
    limits = [(it.end_us, it) for it in around] + [(it.start_us, it) for it in ahead]
    return min(limits, key=lambda it: (it[0], it[1].place))[1]


def longer_us(us: int) -> int:
    """Return how long what is expected to take so long may take."""
    return us + -(-us // _MARGIN)
