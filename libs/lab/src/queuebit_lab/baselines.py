"""The policies that the platform is compared with. Each binds a job when it arrives, to one open machine that fits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from queuebit_lab.machines import Seen
from queuebit_lab.scenario import Work

__all__ = ["Assignment", "Estimate", "Immediate", "Option", "Placer", "best_fidelity", "fifo", "least_busy", "qos"]


@dataclass(frozen=True, slots=True)
class Option:
    """A machine on which a job fits."""

    machine: int
    run_us: int
    esp_ppm: int
    seen: Seen

    @property
    def completion_us(self) -> int:
        """Expected time until the job ends."""
        return self.seen.wait_us + self.run_us


Assignment = tuple[Work, int]
"""A job and the index of its machine."""

Estimate = Callable[[Work], Sequence[tuple[int, int, int]]]
"""Machine, run time and success probability in parts per million, for each machine on which a job fits. All policies
have the same."""


class Placer(Protocol):
    """A policy in the laboratory."""

    @property
    def name(self) -> str: ...

    @property
    def every_us(self) -> int:
        """How often it decides; 0: whenever something changed."""
        ...

    def add(self, work: Work) -> None:
        """A job arrived."""
        ...

    def place(self, at_us: int, seen: Sequence[Seen]) -> list[Assignment]:
        """Place what can be placed; adds each placement to `seen`."""
        ...

    def ended(self, work: Work, machine: int, ended_us: int) -> None:
        """A job ended."""
        ...


_Choose = Callable[[Sequence[Option]], Option]


class Immediate:
    """Places jobs in order of arrival, each by comparing the machines that are open and fit."""

    every_us = 0

    def __init__(self, name: str, choose: _Choose, estimate: Estimate) -> None:
        self.name = name
        self._choose = choose
        self._estimate = estimate
        self._waiting: deque[Work] = deque()

    def add(self, work: Work) -> None:
        self._waiting.append(work)

    def place(self, at_us: int, seen: Sequence[Seen]) -> list[Assignment]:
        placed: list[Assignment] = []
        for _ in range(len(self._waiting)):
            work = self._waiting.popleft()
            options = [Option(*it, seen[it[0]]) for it in self._estimate(work) if seen[it[0]].is_open]
            if not options:
                self._waiting.append(work)
                continue
            chosen = self._choose(options)
            chosen.seen.take(chosen.run_us)
            placed.append((work, chosen.machine))
        return placed

    def ended(self, work: Work, machine: int, ended_us: int) -> None:
        """Changes nothing: what is seen of machines has it."""


def fifo() -> _Choose:
    """Return a choice that takes machines by turns, and looks at nothing else."""
    turn = -1

    def choose(options: Sequence[Option]) -> Option:
        nonlocal turn
        found = min(options, key=lambda it: (it.machine <= turn, it.machine))
        turn = found.machine
        return found

    return choose


def least_busy(options: Sequence[Option]) -> Option:
    """The fewest pending jobs, as IBM's `least_busy` and QRMI choose."""
    return min(options, key=lambda it: (it.seen.pending, it.machine))


def best_fidelity(options: Sequence[Option]) -> Option:
    """The highest estimated success probability; of equal ones, the soonest."""
    return min(options, key=lambda it: (-it.esp_ppm, it.completion_us, it.machine))


def qos(weight: float = 0.5) -> _Choose:
    """Return the choice by the formula of QOS and Qonductor: c * df/f + (1 - c) * dt/t + b * du/u.

    Machines are compared pairwise, from the best fidelity on. The differences are of fidelity, waiting time and
    utilisation, relative to the machine that is best so far. b is 0 here: in the trace all machines are busy all the
    time, so that utilisation does not tell them apart.

    Args:
        weight: c, between 0 and 1.
    """

    def choose(options: Sequence[Option]) -> Option:
        ranked = sorted(options, key=lambda it: (-it.esp_ppm, it.machine))
        best = ranked[0]
        for it in ranked[1:]:
            gain = weight * (it.esp_ppm - best.esp_ppm) / max(1, best.esp_ppm)
            gain += (1 - weight) * (best.completion_us - it.completion_us) / best.completion_us
            if gain > 0:
                best = it
        return best

    return choose
