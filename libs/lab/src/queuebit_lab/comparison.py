"""Policies side by side over one scenario: their figures as a document and as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import orjson

from queuebit_kernel import Malformed
from queuebit_lab.baselines import Estimate, Immediate, Placer, best_fidelity, fifo, least_busy, qos
from queuebit_lab.front import Point, front
from queuebit_lab.measures import Measures, measure
from queuebit_lab.platform import Platform
from queuebit_lab.scenario import Scenario, jobs
from queuebit_lab.simulation import Outcome, simulate
from queuebit_scheduling import POLICY

__all__ = ["POLICIES", "USUAL", "Comparison", "compare"]

_Create = Callable[[Scenario, Estimate], Placer]


def _nsga(it: Scenario, estimate: Estimate) -> Placer:
    from queuebit_lab.nsga import Nsga

    return Nsga(estimate, it.seed)


def _qonductor(it: Scenario, estimate: Estimate) -> Placer:
    from queuebit_lab.nsga import QONDUCTOR, Nsga

    return Nsga(estimate, it.seed, name="NSGA-II of Qonductor", effort=QONDUCTOR)


POLICIES: Mapping[str, _Create] = {
    "fifo": lambda _, estimate: Immediate("FIFO", fifo(), estimate),
    "least-busy": lambda _, estimate: Immediate("least busy", least_busy, estimate),
    "best-fidelity": lambda _, estimate: Immediate("best fidelity", best_fidelity, estimate),
    "qos": lambda _, estimate: Immediate("QOS", qos(), estimate),
    "nsga2": _nsga,
    "qonductor": _qonductor,
    "ours": partial(Platform, POLICY, None),
    "ours-time": partial(Platform, POLICY, "time"),
    "ours-balanced": partial(Platform, POLICY, "balanced"),
    "ours-fidelity": partial(Platform, POLICY, "fidelity"),
}
"""By the word that names a policy on the command line."""

USUAL = tuple(name for name in POLICIES if name != "qonductor")
"""The policies without the one that takes most of an hour for a day of jobs."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of several policies."""

    scenario: Scenario
    outcomes: tuple[Outcome, ...]
    measures: tuple[Measures, ...]
    reachable: tuple[Point, ...]
    """The front with the forecast that all policies have; empty if it was not asked for."""
    limit: tuple[Point, ...]
    """The front with the true waits."""

    def document(self) -> bytes:
        """Return canonical JSON: the same seed gives the same bytes. It has no time of the computation."""
        it = self.scenario
        content = {
            "ours": POLICY.name,
            "scenario": it.name,
            "fleet": it.fleet,
            "machines": [machine.name for machine in it.machines],
            "tenants": [asdict(stream) for stream in it.streams],
            "hours": (it.ends_us - it.begins_us) // 3_600_000_000,
            "seed": it.seed,
            "places": it.places,
            "slots": [asdict(slot) for slot in it.slots],
            **({} if it.calls_per_minute is None else {"calls_per_minute": it.calls_per_minute}),
            "policies": [found.document() for found in self.measures],
            "front": {"forecast": [asdict(it) for it in self.reachable], "known": [asdict(it) for it in self.limit]},
        }
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"

    def speeds(self) -> dict[str, int]:
        """Return the decisions of each policy in a second of the processor, as measured now."""
        return {it.policy: round(it.decisions_per_s) for it in self.outcomes}

    def rows(self) -> list[list[str]]:
        """Return a table for people; the first row is its heading."""
        heading = ["policy", "completion", "p95", "fidelity", "cost", "in use", "machines", "starved", "decisions/s"]
        classes = [*self.measures[0].waits_p95_s]
        heading += [f"p95 wait of {it}" for it in classes]
        heading += ["slots disturbed", "slots used", "p95 wait in slots"] if self.measures[0].reserved else []
        rows = [[*heading, "fairness", "worst gap"] if self.measures[0].fairness else heading]
        for it, speed in zip(self.measures, self.speeds().values(), strict=True):
            row = [
                it.policy,
                f"{it.completion_mean_s / 60:.1f} min",
                f"{it.completion_p95_s / 60:.1f} min",
                f"{it.fidelity_mean:.3f}",
                f"{it.cost_mean_usd:.2f} USD",
                f"{it.utilisation:.1%}",
                str(it.machines_used),
                str(it.starved),
                f"{speed:,}",
                *(f"{it.waits_p95_s[name]:,.1f} s" for name in classes),
            ]
            if (slots := it.reserved) is not None:
                row += [f"{slots.disturbed:.1%}", f"{slots.used:.1%}", f"{slots.wait_p95_s:,.1f} s"]
            fair = it.fairness
            rows.append([*row, f"{fair.jain:.3f}", f"{fair.worst_gap:.1%}"] if fair else row)
        return rows


def compare(it: Scenario, names: Sequence[str], *, fronts: bool = False) -> Comparison:
    """Simulate policies.

    Args:
        it: the scenario.
        names: of `POLICIES`.
        fronts: whether to compute the two fronts, too.

    Raises:
        Malformed: no policy has one of these names, or no job arrives.
    """
    if unknown := [name for name in names if name not in POLICIES]:
        raise Malformed(f"no policy is called {unknown[0]!r}: take some of {', '.join(POLICIES)}")
    if not jobs(it):
        raise Malformed("no job arrives: take more hours or a higher rate")
    outcomes = tuple(simulate(it, partial(POLICIES[name], it)) for name in names)
    reachable, limit = (tuple(front(it, knows_waits=known)) if fronts else () for known in (False, True))
    return Comparison(it, outcomes, tuple(map(measure, outcomes)), reachable, limit)
