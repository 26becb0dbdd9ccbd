"""The jobs with a place on each backend, in the order in which they run, and which of them may be moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice

from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduler.movable_jobs import row_of
from queuebit_scheduling import BackendCapacity, Key, Movable, Policy, Window, micros, obstacle
from queuebit_scheduling.moves import MOVES, in_front, left_us
from queuebit_scheduling.preemption import GAIN_US

__all__ = ["MOST_COMPARED", "PlacedLines"]

MOST_COMPARED = 128
"""The most placed jobs that are compared with other backends for one decision: those with the longest wait."""


class PlacedLines:
    """An index of the placed jobs by backend. Backends with short waits are left out early: most of them have these."""

    def __init__(self) -> None:
        self._on: dict[str, dict[Key, Outstanding]] = {}
        self._running: dict[Key, Outstanding] = {}

    def add(self, it: Outstanding) -> None:
        """Note a job that got a place."""
        self._on.setdefault(it.backend, {})[it.accepted.key] = it
        if it.started_at is not None:
            self._running[it.accepted.key] = it

    def start(self, it: Outstanding, at: datetime) -> None:
        """Note that a placed job runs."""
        it.started_at = at
        self._running[it.accepted.key] = it

    def remove(self, it: Outstanding) -> None:
        """Forget a job that has no place there any more."""
        line = self._on[it.backend]
        del line[it.accepted.key]
        self._running.pop(it.accepted.key, None)
        if not line:
            del self._on[it.backend]

    def rows(
        self,
        backends: Mapping[str, BackendCapacity],
        waits_us: Mapping[str, int],
        holds_us: Callable[[Outstanding], int],
        at: datetime,
    ) -> tuple[Movable, ...]:
        """Return the placed jobs that another backend could start so early that they gain enough.

        Args:
            backends: the registered backends by name, with their windows.
            waits_us: of those with a free place, in what time a new job starts.
            holds_us: how long a job holds its slot, by what is known now.
            at: the moment of the decision.
        """
        if not waits_us:
            return ()
        found, least_us = list[tuple[int, Movable]](), min(waits_us.values())
        for name, line in self._on.items():
            here = backends.get(name)
            if here is not None and (here.windows or _waits(here, line, least_us, at)):
                found += _behind(here, line, waits_us, holds_us, at)
        found.sort(key=lambda it: (-it[0], it[1].job.sequence))
        return tuple(row for _, row in found[:MOST_COMPARED])

    def late_us(self, policy: Policy, holds_us: Callable[[Outstanding], int], at: datetime) -> dict[str, int]:
        """Return by backend how much longer its runs take than its load says; those of a few seconds do not count."""
        found: dict[str, int] = {}
        for it in self._running.values():
            ran_us = 0 if it.started_at is None else micros(at) - micros(it.started_at)
            if ran_us > max(GAIN_US, it.expected_us) and (late_us := policy.late_us(holds_us(it), ran_us)):
                found[it.backend] = found.get(it.backend, 0) + late_us
        return found

    def before_windows(
        self, backends: Mapping[str, BackendCapacity], holds_us: Callable[[Outstanding], int], at: datetime
    ) -> Iterator[tuple[Outstanding, Window]]:
        """Return the jobs that have not started and cannot end before a window that is not their own.

        Those behind such a job are expected to start without it.
        """
        for name, line in self._on.items():
            here, ahead_us = backends.get(name), 0
            if here is None or not here.windows:
                continue
            for it in _in_order(line):
                window = _window_before(it, here, holds_us(it) - here.queue_us, ahead_us, at)
                if window is None:
                    ahead_us += _left_us(it, holds_us(it), at)
                else:
                    yield it, window


def _waits(here: BackendCapacity, line: Mapping[Key, Outstanding], least_us: int, at: datetime) -> bool:
    """Whether a job there may wait long enough to gain: for what is placed before it, or for a run that is late."""
    if max(here.queue_us, here.backlog_us // max(1, here.slots)) >= least_us + GAIN_US:
        return True
    first = islice(line.values(), here.slots)
    return any(it.started_at is not None and micros(at) - micros(it.started_at) >= GAIN_US for it in first)


def _behind(
    here: BackendCapacity,
    line: Mapping[Key, Outstanding],
    waits_us: Mapping[str, int],
    holds_us: Callable[[Outstanding], int],
    at: datetime,
) -> Iterator[tuple[int, Movable]]:
    """The jobs of one backend that may gain, each with the time until it starts there."""
    ahead_us = 0
    for it in _in_order(line):
        held_us = holds_us(it)
        if it.started_at is not None:
            ahead_us += _left_us(it, held_us, at)
            continue
        before_us = max(here.queue_us, ahead_us // max(1, here.slots))
        latest_us = before_us + held_us - GAIN_US
        others = (candidate.backend for candidate in it.accepted.job.candidates)
        if _may_move(it) and any(
            other in waits_us and (here.windows or waits_us[other] <= latest_us)
            for other in others
            if other != here.name and other not in it.accepted.left
        ):
            yield before_us, row_of(it, ahead_us)
        ahead_us += held_us


def _in_order(line: Mapping[Key, Outstanding]) -> list[Outstanding]:
    """The jobs of one backend as they run."""
    return sorted(line.values(), key=lambda it: (it.started_at is None, not it.confirmed, it.after))


def _left_us(it: Outstanding, held_us: int, at: datetime) -> int:
    """How long a job still holds its slot. A run that is late is expected to take as long again as it is late."""
    return held_us if it.started_at is None else left_us(held_us, max(0, micros(at) - micros(it.started_at)))


def _window_before(
    it: Outstanding, here: BackendCapacity, expected_us: int, ahead_us: int, at: datetime
) -> Window | None:
    """The window of others that a job cannot end before; None if it can, if it runs, or if its start is not known."""
    if not it.waits:
        return None
    others = tuple(window for window in here.windows if not window.admits(it.accepted.job))
    capacity = replace(in_front(here, ahead_us), windows=others)
    return obstacle(it.accepted.job, capacity, expected_us, micros(at))


def _may_move(it: Outstanding) -> bool:
    """Whether a job may be moved at all.

    Jobs of sessions and of slots have one backend, and others wait for jobs that may share a device. A job on its
    fallback stays there if a backend that it asked for has less than it demands.
    """
    job, least = it.accepted.job, it.accepted.least_esp_ppm or 0
    alone = it.session is None and job.session is None and it.accepted.reservation is None
    suits = it.accepted.shared_device is None and all(candidate.esp_ppm >= least for candidate in job.candidates)
    return it.waits and alone and suits and len(it.accepted.left) < MOVES
