"""QAOA for the choice of a fixed number of assets by return and risk."""

from __future__ import annotations

from itertools import combinations
from typing import Self

from pydantic import model_validator

from queuebit_templates.definition import Reading, Steps, Template, quantity
from queuebit_templates.quadratic import BRUTE_FORCE, Qubo, Term
from queuebit_templates.ramps import JOBS, Ramp, minimise

__all__ = ["portfolio"]


class _Assets(Ramp):
    returns: tuple[float, ...] = quantity(
        (0.08, 0.12, 0.10, 0.06, 0.14), "per period", "expected return of each asset", min_length=2, max_length=20
    )
    covariance: tuple[tuple[float, ...], ...] = quantity(
        (
            (0.050, 0.010, 0.005, 0.002, 0.012),
            (0.010, 0.090, 0.020, 0.004, 0.030),
            (0.005, 0.020, 0.060, 0.003, 0.015),
            (0.002, 0.004, 0.003, 0.030, 0.002),
            (0.012, 0.030, 0.015, 0.002, 0.120),
        ),
        "per period, squared",
        "covariance of the returns, a symmetric matrix",
    )
    choose: int = quantity(2, "assets", "how many assets to choose", ge=1)
    risk_aversion: float = quantity(1.0, "", "weight of the variance against the return", ge=0)

    @model_validator(mode="after")
    def _is_a_market(self) -> Self:
        size, matrix = len(self.returns), self.covariance
        if len(matrix) != size or any(len(row) != size for row in matrix):
            raise ValueError(f"covariance must be a matrix of {size} rows with {size} numbers, as there are returns")
        if any(abs(matrix[i][j] - matrix[j][i]) > 1e-9 for i, j in combinations(range(size), 2)):
            raise ValueError("covariance must be symmetric")
        if self.choose >= size:
            raise ValueError(f"choose must be below the number of assets, {size}")
        return self

    @property
    def penalty(self) -> float:
        """More than any choice can gain by another number of assets."""
        return sum(map(abs, self.returns)) + self.risk_aversion * sum(abs(it) for row in self.covariance for it in row)

    @property
    def qubo(self) -> Qubo:
        """Risk aversion times variance, minus return, plus the penalty times (number of assets - choose)^2."""
        size, penalty = len(self.returns), self.penalty
        terms: list[Term] = [
            (i, j, self.risk_aversion * self.covariance[i][j] + penalty) for i in range(size) for j in range(size)
        ]
        terms += [(i, i, -self.returns[i] - 2 * penalty * self.choose) for i in range(size)]
        return Qubo.of(size, terms, penalty * self.choose**2)


def _steps(given: _Assets) -> Steps:
    qubo = given.qubo
    found = yield from minimise(qubo, given, frozenset({given.choose}))
    chosen = [at for at, bit in enumerate(found.bits) if bit]
    gain = sum(given.returns[it] for it in chosen)
    variance = sum(given.covariance[i][j] for i in chosen for j in chosen)
    feasible = sum(count for bits, count in found.final.items() if sum(bits) == given.choose)
    least = qubo.minimum() if len(given.returns) <= BRUTE_FORCE else None
    return Reading(
        f"Chosen: assets {', '.join(map(str, chosen))}, with an expected return of {gain:g} "
        f"and a variance of {variance:g}.",
        {
            "chosen": chosen,
            "return": gain,
            "variance": variance,
            "objective": found.value,
            "least_objective": least,
            "feasible_share": feasible / max(sum(found.final.values()), 1),
        },
    )


portfolio = Template(
    name="qaoa-portfolio",
    summary="QAOA for a choice of assets by return and risk",
    parameters=_Assets,
    steps=_steps,
    values={
        "chosen": "numbers of the assets, from 0",
        "return": "sum of the expected returns, per period",
        "variance": "of the sum of the returns, per period, squared",
        "objective": "risk aversion times variance minus return; lower is better",
        "least_objective": "the same of the best choice, from all assignments; null above 14 assets",
        "feasible_share": "share of the last job's shots with the right number of assets, from 0 to 1",
    },
    source="Brandhofer et al. 2022, Benchmarking the performance of portfolio optimization with QAOA, arXiv:2207.10555",
    example={"choose": 3, "risk_aversion": 2},
    jobs=lambda _: JOBS,
)
