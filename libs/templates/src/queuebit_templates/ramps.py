"""QAOA with angles on a linear ramp: two numbers to search for, whatever the depth."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import pi
from typing import TypeAlias

from queuebit_templates.circuits import angle, openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, quantity
from queuebit_templates.quadratic import Qubo

__all__ = ["JOBS", "Found", "Ramp", "bits_of", "minimise"]

JOBS = 3
"""Two grids of angles, and a final sample."""

_WIDEST = pi / 2
"""Of both ramps, in radians."""


class Ramp(Parameters):
    """What all templates with QAOA take."""

    depth: int = quantity(2, "layers", "layers of cost and mixer", ge=1, le=20)
    grid: int = quantity(6, "points", "values of each of the two angles that are tried in a job", ge=2, le=20)
    shots: int = quantity(1000, "shots", "of each circuit", ge=1, le=10**6)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search returned."""

    bits: tuple[int, ...]
    """The best assignment of all shots; of equally good ones, the first in order."""
    value: float
    mean: float
    """Of the final sample."""
    final: Mapping[tuple[int, ...], int]
    """Shots of the final sample by assignment."""


_Search: TypeAlias = Generator[Program, Sequence[Measured], Found]


def minimise(qubo: Qubo, ramp: Ramp, allowed: frozenset[int] | None = None) -> _Search:
    """Search for the least value of a problem.

    Layer k of p has the cost angle (k + 1/2) / p times one number and the mixer angle 1 - (k + 1/2) / p times another
    one (Montañez-Barrera and Michielsen 2024, Towards a universal QAOA protocol, arXiv:2405.09169). A grid of both
    runs as one job, a finer one around its best point as a second, and the last job samples at the best point.

    Args:
        qubo: the problem.
        ramp: depth, grid and shots.
        allowed: the only numbers of ones that the returned assignment may have; default: any. If no shot has one of
            these, the best of all shots is returned.
    """
    source = _circuit(qubo, ramp.depth)
    step = _WIDEST / ramp.grid
    middle = step * (ramp.grid + 1) / 2
    centre = (middle, middle)
    seen: dict[tuple[int, ...], float] = {}
    for _ in range(JOBS - 1):
        points = [(x, y) for x in _around(centre[0], step, ramp.grid) for y in _around(centre[1], step, ramp.grid)]
        results = yield Program(tuple(Item(source, {"g": x, "b": y}) for x, y in points), ramp.shots)
        means = [_mean(qubo, it, seen) for it in results]
        centre, step = points[means.index(min(means))], step / ramp.grid * 2
    (final,) = yield Program((Item(source, {"g": centre[0], "b": centre[1]}),), ramp.shots)
    mean = _mean(qubo, final, seen)
    kept = {bits: it for bits, it in seen.items() if allowed is None or sum(bits) in allowed} or seen
    best = min(kept, key=lambda it: (kept[it], it))
    return Found(best, seen[best], mean, {bits_of(it): count for it, count in final.counts.items()})


def bits_of(outcome: str) -> tuple[int, ...]:
    """The bits of an outcome, the first variable first."""
    return tuple(int(it) for it in reversed(outcome))


def _circuit(qubo: Qubo, depth: int) -> str:
    """One circuit for all angles: inputs `g` of the cost and `b` of the mixer, in radians."""
    _, fields, couplings = qubo.ising()
    scale = max(map(abs, (*fields, *couplings.values())), default=0.0) or 1.0
    body = [f"h q[{it}];" for it in range(qubo.size)]
    for layer in range(depth):
        rise = (layer + 0.5) / depth
        body += [f"rz({angle(2 * it / scale * rise)} * g) q[{at}];" for at, it in enumerate(fields) if it]
        for (one, other), it in couplings.items():
            turn = f"rz({angle(2 * it / scale * rise)} * g) q[{other}];"
            body += [f"cx q[{one}], q[{other}];", turn, f"cx q[{one}], q[{other}];"]
        body += [f"rx({angle(-2 * (1 - rise))} * b) q[{it}];" for it in range(qubo.size)]
    return openqasm(qubo.size, body, inputs=("g", "b"))


def _around(centre: float, step: float, points: int) -> list[float]:
    return [centre + step * (it - (points - 1) / 2) for it in range(points)]


def _mean(qubo: Qubo, measured: Measured, seen: dict[tuple[int, ...], float]) -> float:
    """The mean value of the shots; adds their assignments to those seen."""
    total = 0.0
    for outcome, count in measured.counts.items():
        bits = bits_of(outcome)
        if bits not in seen:
            seen[bits] = qubo.value(bits)
        total += seen[bits] * count
    return total / max(measured.shots, 1)
