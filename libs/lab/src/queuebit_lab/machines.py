"""The machines during a simulation: what is true, and what a policy sees of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

from queuebit_lab.scenario import Machine, Work
from queuebit_lab.trace import DAY_US, Background
from queuebit_planning.token_bucket import TokenBucket

__all__ = ["Load", "Run", "Seen"]

_RECENT_US = 3_600_000_000
"""Run times of others are learned from their jobs that ended within so long."""
_FEWEST = 4
"""Jobs that run times are learned from, at least."""


@dataclass(slots=True)
class Seen:
    """What a policy knows of a machine; decisions of the same moment add to it."""

    name: str
    is_open: bool
    """Whether it takes jobs now."""
    pending: int
    """Jobs that have not ended: what IBM publishes, and what `least busy` compares."""
    taken: int
    """Of them, jobs of tenants of the platform."""
    wait_us: int
    """Expected time until a new job starts."""
    own_us: int
    """Run time that is left of the jobs of tenants of the platform."""
    others_us: int
    """Expected time of the jobs of others."""
    started: int | None = None
    """The number of the tenants' job that runs now."""

    def take(self, run_us: int) -> None:
        """Count a job that was just placed there."""
        self.pending += 1
        self.taken += 1
        self.wait_us += run_us
        self.own_us += run_us

    def give(self, run_us: int) -> None:
        """Count a job no more that is placed again."""
        self.pending -= 1
        self.taken -= 1
        self.wait_us -= run_us
        self.own_us -= run_us


@dataclass(frozen=True, slots=True)
class Run:
    """A job that was placed: when it starts and ends, and its estimated success under the calibration of its start."""

    work: Work
    machine: int
    placed_us: int
    started_us: int
    ended_us: int
    esp_ppm: int
    expected_us: int
    """When it was expected to end, at its placement."""
    sent_us: int
    """When it was sent to its vendor: later than it was placed if the vendor allowed no call before."""


class Load:
    """One machine in simulated time.

    It serves in order: a job of a tenant starts when the jobs of others that were there before it have ended in the
    trace, and the tenants' jobs placed earlier have ended. Others do not wait for the tenants' jobs: the trace is what
    they got, and the work of tenants is small beside theirs.
    """

    def __init__(self, machine: Machine, calls: TokenBucket | None = None) -> None:
        """Begin with an empty queue; `calls` limits those to its vendor, of all machines of it together."""
        self._machine = machine
        self._calls = calls
        self._free_us = 0
        self._running: deque[Run] = deque()
        """The tenants' jobs that have not ended, in order."""
        self._running_us = 0
        """The sum of their run times."""
        self.device = machine.device

    def seen(self, at_us: int, *, knows_waits: bool = False) -> Seen:
        """Return what a policy knows at a moment: with the forecast of the wait, or with the true one."""
        there_us, background = at_us + self._machine.shift_us, self._machine.background
        own, own_us = len(self._running), self._own_us(at_us)
        call_us = 0 if self._calls is None else round(self._calls.wait(at_us / 1e6) * 1e6)
        if background is None:
            return Seen(self._machine.name, True, own, own, max(call_us, own_us), own_us, call_us, self._started(at_us))
        others, wait_us = _forecast(background, there_us)
        wait_us = max(call_us, wait_us)
        if knows_waits:
            wait_us = max(call_us, self._others_us(at_us + call_us) - at_us, self._free_us - at_us)
        own_wait_us = max(wait_us, own_us)
        about = others + own, own, own_wait_us, own_us, wait_us
        return Seen(self._machine.name, self._is_open(there_us), *about, self._started(at_us))

    def place(self, work: Work, at_us: int, index: int, expected_us: int) -> Run:
        """Queue a job, as soon as its vendor allows a call."""
        return self._queue(work, at_us, index, expected_us, self._sent_us(at_us))

    def _sent_us(self, at_us: int) -> int:
        return at_us if self._calls is None else at_us + round(self._calls.take(at_us / 1e6) * 1e6)

    def _queue(self, work: Work, at_us: int, index: int, expected_us: int, sent_us: int) -> Run:
        compiled = self.device.circuits[work.circuit]
        if compiled is None:
            raise ValueError(f"circuit {work.circuit} does not fit on {self._machine.name}")
        started_us = max(sent_us, self._others_us(sent_us), self._free_us)
        run_us = compiled.run_us(work.shots)
        self._free_us = ended_us = started_us + run_us
        self._running_us += run_us
        day = (started_us + self._machine.shift_us) // DAY_US
        run = Run(work, index, at_us, started_us, ended_us, compiled.on_day(day), expected_us, sent_us)
        self._running.append(run)
        return run

    def withdraw(self, run: Run) -> list[Run]:
        """Take a job out that has not started; return the runs behind it, which start sooner now."""
        behind = []
        while (last := self._running.pop()).work.number != run.work.number:
            behind.append(last)
        for it in (run, *behind):
            self._running_us -= it.ended_us - it.started_us
        self._free_us = self._running[-1].ended_us if self._running else 0
        return [self._queue(it.work, it.placed_us, it.machine, it.expected_us, it.sent_us) for it in reversed(behind)]

    def _started(self, at_us: int) -> int | None:
        """The number of the tenants' job that runs at a moment."""
        first = self._running[0] if self._running else None
        return first.work.number if first is not None and first.started_us <= at_us else None

    def _others_us(self, at_us: int) -> int:
        """When the jobs of others that are in front at a moment have ended."""
        if (background := self._machine.background) is None:
            return 0
        arrived = bisect_right(background.arrived_us, at_us + self._machine.shift_us)
        return background.ended_us[arrived - 1] - self._machine.shift_us if arrived else 0

    def _own_us(self, at_us: int) -> int:
        """The run time of the tenants' jobs that is left."""
        if not self._running:
            return 0
        return self._running_us - max(0, at_us - self._running[0].started_us)

    def ended(self, until_us: int) -> list[tuple[int, Work]]:
        """Return the jobs that ended until a moment, once."""
        found = []
        while self._running and self._running[0].ended_us <= until_us:
            run = self._running.popleft()
            self._running_us -= run.ended_us - run.started_us
            found.append((run.ended_us, run.work))
        return found

    def next_us(self, after_us: int) -> int | None:
        """Return when a place becomes free, or the machine opens; None if nothing is known to come."""
        moments = [self._running[0].ended_us] if self._running else []
        if self._machine.background is not None:
            there_us = after_us + self._machine.shift_us
            opens = (until for since, until in self._machine.background.closed_us if since <= there_us < until)
            moments += [it - self._machine.shift_us for it in opens]
        return min(moments, default=None)

    def _is_open(self, there_us: int) -> bool:
        if self._machine.background is None:
            return True
        closed = self._machine.background.closed_us
        found = bisect_right(closed, (there_us, 2**62)) - 1
        return found < 0 or there_us >= closed[found][1]


def _forecast(background: Background, there_us: int) -> tuple[int, int]:
    """Return how many jobs of others are there, and in what time they are expected to end.

    Two run times are learned, and their mean is taken: of the jobs that ended last, as many as are in front, and of
    those that ended within the last hour. Both count the time since the last end, so that a machine that stands still
    becomes slower in the forecast.
    """
    ended = bisect_right(background.ended_us, there_us)
    others = bisect_right(background.arrived_us, there_us) - ended
    if not others or not ended:
        return others, 0
    since_us = there_us - background.ended_us[ended - 1]
    last = max(0, ended - max(others, _FEWEST))
    recent = bisect_right(background.ended_us, there_us - _RECENT_US)
    waits = (
        others * (background.total_us[ended] - background.total_us[first] + since_us) // (ended - first + 1)
        for first in (last, recent)
    )
    return others, sum(waits) // 2
