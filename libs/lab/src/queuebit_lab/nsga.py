"""NSGA-II, as Qonductor schedules: a batch of jobs at a time, with a front of assignments (pymoo, arXiv:2408.04312).

The two objectives are the mean expected completion and the mean estimated error. Of the front, the assignment that is
nearest to the ideal point is taken, both axes scaled to the front: Qonductor's choice with equal preference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from queuebit_lab.baselines import Assignment, Estimate, Option
from queuebit_lab.machines import Seen
from queuebit_lab.scenario import Work

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["QONDUCTOR", "SHORT", "Effort", "Nsga"]

_BATCH = 100
"""The most jobs of a decision, as in Qonductor."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a decision searches."""

    population: int
    generations: int | None
    """None: until pymoo's own test says that the front does not move any more, at most 1,000 generations."""


SHORT = Effort(40, 40)
QONDUCTOR = Effort(100, None)
"""As the published code of Qonductor (SC'25): its population, and `minimize` without a termination."""


class Nsga:
    """Decides every so often over all waiting jobs."""

    def __init__(
        self,
        estimate: Estimate,
        seed: int,
        every_us: int = 60_000_000,
        *,
        name: str = "NSGA-II",
        effort: Effort = SHORT,
    ) -> None:
        self.name = name
        self.every_us = every_us
        self._effort = effort
        self._estimate = estimate
        self._seed = seed
        self._waiting: list[Work] = []

    def add(self, work: Work) -> None:
        self._waiting.append(work)

    def place(self, at_us: int, seen: Sequence[Seen]) -> list[Assignment]:
        batch: list[tuple[Work, list[Option]]] = []
        for work in self._waiting[:_BATCH]:
            options = [Option(*it, seen[it[0]]) for it in self._estimate(work) if seen[it[0]].is_open]
            if options:
                batch.append((work, options))
        if not batch:
            return []
        chosen = _assign([options for _, options in batch], len(seen), self._seed, self._effort)
        placed = []
        for (work, options), number in zip(batch, chosen, strict=True):
            option = options[number]
            option.seen.take(option.run_us)
            placed.append((work, option.machine))
            self._waiting.remove(work)
        return placed

    def ended(self, work: Work, machine: int, ended_us: int) -> None:
        """Changes nothing: what is seen of machines has it."""


def _assign(batch: list[list[Option]], machines: int, seed: int, effort: Effort) -> list[int]:
    """Return for each job the number of the chosen option."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    widest = max(map(len, batch))
    machine, run, error = (np.zeros((len(batch), widest)) for _ in range(3))
    wait = np.zeros(machines)
    for row, options in enumerate(batch):
        for column, it in enumerate(options):
            machine[row, column], run[row, column], error[row, column] = it.machine, it.run_us, 1_000_000 - it.esp_ppm
            wait[it.machine] = it.seen.wait_us
    rows = np.arange(len(batch))

    class Assign(Problem):  # type: ignore[misc]  # pymoo has no types
        def __init__(self) -> None:
            last = np.array([len(options) - 1 for options in batch])
            super().__init__(n_var=len(batch), n_obj=2, xl=np.zeros(len(batch)), xu=last, vtype=int)

        def _evaluate(self, x: NDArray[np.int64], out: dict[str, Any], *_: object, **__: object) -> None:
            picked = x.astype(np.int64)
            on, took = machine[rows, picked].astype(np.int64), run[rows, picked]
            completion = wait[on] + took
            for job in range(len(batch)):  # jobs of the batch on the same machine run one after the other
                earlier = on[:, :job] == on[:, job : job + 1]
                completion[:, job] += (took[:, :job] * earlier).sum(axis=1)
            out["F"] = np.column_stack([completion.mean(axis=1), error[rows, picked].mean(axis=1)])

    operators: dict[str, Any] = {  # pymoo has no types
        "sampling": IntegerRandomSampling(),
        "crossover": SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        "mutation": PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
    }
    algorithm = NSGA2(pop_size=effort.population, eliminate_duplicates=True, **operators)
    termination = None if effort.generations is None else ("n_gen", effort.generations)
    result = minimize(Assign(), algorithm, termination, seed=seed, verbose=False)
    return _nearest_to_ideal(np.atleast_2d(result.F), np.atleast_2d(result.X))


def _nearest_to_ideal(front: NDArray[np.float64], assignments: NDArray[np.int64]) -> list[int]:
    """Return the assignment with the least distance to the best of both objectives, each scaled to the front."""
    spread = np.ptp(front, axis=0)
    scaled = (front - front.min(axis=0)) / np.where(spread > 0, spread, 1)
    return [int(it) for it in assignments[int(np.argmin((scaled**2).sum(axis=1)))]]
