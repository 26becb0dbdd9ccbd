"""The front of what placement can reach: the best mean fidelity for each mean completion, and the reverse.

For independent jobs, both means are traded best if every job goes where its expected completion plus a price on its
lost success probability is least, with one price for all jobs. Each price gives a point of the front. With the forecast
of the policies the points show what a policy can reach that knows what they know. With the true waits they show what
no policy can pass that places a job at its arrival, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from queuebit_lab.baselines import Immediate, Option
from queuebit_lab.measures import measure
from queuebit_lab.scenario import Scenario
from queuebit_lab.simulation import simulate

__all__ = ["PRICES_S", "Point", "exchange", "front"]

PRICES_S = (0, 15, 30, 45, 60, 120, 240, 480, 1920)
"""Seconds for one point in a hundred of success probability."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one price gives."""

    price_s: int
    completion_mean_s: float
    fidelity_mean: float


def exchange(price_s: int) -> Callable[[Sequence[Option]], Option]:
    """Return the choice with the least completion plus price; `price_s` is for one point in a hundred."""

    def choose(options: Sequence[Option]) -> Option:
        return min(options, key=lambda it: (it.completion_us - it.esp_ppm * price_s * 100, it.machine))

    return choose


def front(it: Scenario, *, knows_waits: bool) -> list[Point]:
    """Return a point for each price.

    Args:
        it: a scenario in which tenants share the machines with others.
        knows_waits: whether the true waits are used instead of the forecast.
    """
    points = []
    for price_s in PRICES_S:
        found = measure(simulate(it, partial(Immediate, "front", exchange(price_s)), knows_waits=knows_waits))
        points.append(Point(price_s, round(found.completion_mean_s, 6), round(found.fidelity_mean, 6)))
    return points
