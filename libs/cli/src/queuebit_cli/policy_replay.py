"""Replays two policies of the scheduler on the recorded queue of the laboratory, and compares them as a plan says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queuebit_contracts.canaries import CanaryPlan
    from queuebit_lab.measures import Measures

__all__ = ["COMPARED", "Compared", "compared", "replayed"]

COMPARED: Final[Mapping[str, str]] = {
    "latency": "completion_mean_s",
    "esp": "fidelity_mean",
    "cost": "cost_mean_usd",
}
"""Metrics of a plan that a simulation has, and their names in its figures. More is better of `esp` alone."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of both policies."""

    figure: str
    baseline: float
    candidate: float
    limit: float | None
    """The value of the candidate at which it still fits; none where the plan has no limit."""
    fits: bool


def replayed(plan: CanaryPlan, *, hours: int, per_hour: int, seed: int) -> tuple[Measures, Measures]:
    """Simulate the baseline and the candidate over the same jobs and the same queues of others.

    Raises:
        ImportError: the laboratory is not installed.
        Malformed: no job arrives.
        ValueError: a policy is not one of this version.
    """
    from queuebit_kernel import Malformed
    from queuebit_lab.measures import measure
    from queuebit_lab.platform import Platform
    from queuebit_lab.scenario import jobs, scenario
    from queuebit_lab.simulation import simulate
    from queuebit_scheduling.registry import POLICIES

    names = (str(plan.baseline), str(plan.candidate))
    if unknown := [it for it in names if it not in POLICIES]:
        raise ValueError(f"there is no policy {unknown[0]}: this version has {', '.join(sorted(POLICIES))}")
    it = scenario("poisson", hours=hours, per_hour=per_hour, seed=seed)
    if not jobs(it):
        raise Malformed("no job arrives: take more hours or a higher rate")
    one, other = (measure(simulate(it, partial(Platform, POLICIES[name], None, it))) for name in names)
    return one, other


def compared(plan: CanaryPlan, baseline: Measures, candidate: Measures) -> list[Compared]:
    """Each figure beside its limit; a plan's metrics that a simulation does not have are left out."""
    limits = {it.name: Decimal(it.ratio) for it in plan.metrics}
    found = []
    for metric, name in COMPARED.items():
        before, after = float(getattr(baseline, name)), float(getattr(candidate, name))
        limit = float(limits[metric]) * before if metric in limits else None
        fits = limit is None or (after >= limit if metric == "esp" else after <= limit)
        found.append(Compared(name, before, after, limit, fits))
    starved = (float(baseline.starved), float(candidate.starved))
    return [*found, Compared("starved", *starved, starved[0], starved[1] <= starved[0])]
