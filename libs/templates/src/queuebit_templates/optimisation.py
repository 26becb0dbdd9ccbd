"""Quadratic optimisation over bits: by QAOA on circuits, or on an annealer."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from queuebit_templates.definition import Item, Program, Reading, Steps, Template, quantity
from queuebit_templates.quadratic import Qubo
from queuebit_templates.ramps import JOBS, Ramp, bits_of, minimise

__all__ = ["qubo"]

_MOST_BY_CIRCUITS = 24
_MOST = 2_000


class _Problem(Ramp):
    terms: tuple[tuple[int, int, float], ...] = quantity(
        ((0, 0, -1), (1, 1, -1), (2, 2, -1), (0, 1, 2), (1, 2, 2)),
        "",
        "factors of products of bits, [i, j, factor]; [i, i, factor] is linear",
        min_length=1,
    )
    offset: float = quantity(0.0, "", "a constant that is added to the value")
    method: Literal["qaoa", "anneal"] = quantity(
        "qaoa", "", "by circuits, or by an annealer, which needs such a backend"
    )

    @model_validator(mode="after")
    def _is_a_problem(self) -> Self:
        if min(min(one, other) for one, other, _ in self.terms) < 0:
            raise ValueError("terms number the variables from 0")
        most = _MOST if self.method == "anneal" else _MOST_BY_CIRCUITS
        if self.variables > most:
            raise ValueError(f"terms have {self.variables:,} variables; the most by method {self.method} are {most:,}")
        return self

    @property
    def variables(self) -> int:
        return 1 + max(max(one, other) for one, other, _ in self.terms)


def _steps(given: _Problem) -> Steps:
    problem = Qubo.of(given.variables, given.terms, given.offset)
    if given.method == "anneal":
        (measured,) = yield Program((Item(problem.content()),), given.shots)
        values = {it: problem.value(bits_of(it)) for it in measured.counts}
        best = min(values, key=lambda it: (values[it], it))
        bits, least = bits_of(best), values[best]
        mean = sum(values[it] * count for it, count in measured.counts.items()) / measured.shots
    else:
        found = yield from minimise(problem, given)
        bits, least, mean = found.bits, found.value, found.mean
    lowest = problem.minimum()
    against = "" if lowest is None else f"; the least possible is {lowest:g}"
    return Reading(
        f"The best assignment has the value {least:g}{against}; the mean of the last job is {mean:g}.",
        {"bits": "".join(map(str, bits)), "value": least, "mean": mean, "minimum": lowest},
    )


qubo = Template(
    name="qubo",
    summary="quadratic optimisation over bits, by QAOA or an annealer",
    parameters=_Problem,
    steps=_steps,
    values={
        "bits": "the best assignment that was measured, variable 0 first",
        "value": "its value",
        "mean": "mean value of the last job's shots",
        "minimum": "the least value, from all assignments; null above 14 variables",
    },
    source="Glover, Kochenberger and Du 2019, A tutorial on formulating and using QUBO models, arXiv:1811.11538",
    example={"terms": [[0, 0, -3], [1, 1, -2], [2, 2, -4], [0, 1, 5], [1, 2, 5]]},
    jobs=lambda given: 1 if given.method == "anneal" else JOBS,
)
