"""How far counts are from a distribution or from other counts, and what shot noise leaves of that.

The square roots of probabilities are a point on a sphere. The angle between two such points is the Bhattacharyya
angle, and the square of its cosine is the Hellinger fidelity. On this sphere shot noise is the same everywhere: a
standard deviation of 1 / (2 sqrt(n)) in each direction. So 4 n times the squared angle has a noncentral chi-squared
distribution, whose tail has a bound in closed form (Birgé 2001, "An alternative point of view on Lepski's method",
lemma 8.1). The rate of false alarms is therefore stated beforehand, for any limit and without simulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import acos, cos, fsum, log, sqrt

__all__ = ["ALPHA", "Comparison", "checked", "compare", "compare_runs", "together"]

ALPHA = 1e-6
"""How often a backend that is as good as its limit is called worse: once in a million comparisons."""

_FEW = 5.0
"""Shots that are expected in each cell; outcomes with fewer share one."""
_STEPS = 40
"""Halvings of the interval in which the bound of the angle lies."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts beside what they should be."""

    fidelity: float
    """The Hellinger fidelity, (sum of sqrt(p q))^2, that was measured: from 0 (nothing in common) to 1 (equal)."""
    at_most: float
    """An upper bound of the true fidelity: shot noise makes it wrong in one of a million comparisons."""
    shots: int
    """Of the counts that were compared."""

    def proves_below(self, floor: float) -> bool:
        """Whether the true fidelity is below a floor, beyond shot noise."""
        return self.at_most < floor


def compare(counts: Mapping[str, int], expected: Mapping[str, float], alpha: float = ALPHA) -> Comparison:
    """Compare counts with an exact distribution.

    Args:
        counts: shots by bit string.
        expected: probabilities by bit string; they sum to 1.
        alpha: how often the bound may be wrong.

    Raises:
        ValueError: there are no shots, or the bit strings have other lengths than the expected ones.
    """
    shots = _shots(counts)
    _same_width(counts, expected)
    cells = _cells((it, share * shots) for it, share in expected.items() if share > 0)
    measured = [sum(counts.get(it, 0) for it in cell) / shots for cell in cells]
    wanted = [fsum(expected[it] for it in cell) for cell in cells]
    return _judged(measured, wanted, len(cells), shots, shots, alpha)  # beside them one cell: what is not expected


def compare_runs(counts: Mapping[str, int], earlier: Mapping[str, int], alpha: float = ALPHA) -> Comparison:
    """Compare counts with those of another run of the same circuit.

    Args:
        counts: shots by bit string.
        earlier: those of the other run; the number of shots may differ.
        alpha: how often the bound may be wrong.

    Raises:
        ValueError: one of them has no shots, or their bit strings have different lengths.
    """
    shots, others = checked(counts, earlier)
    cells = together(counts, earlier)
    one = [sum(counts.get(it, 0) for it in cell) / shots for cell in cells]
    other = [sum(earlier.get(it, 0) for it in cell) / others for cell in cells]
    return _judged(one, other, len(cells) - 1, shots * others / (shots + others), shots, alpha)


def together(counts: Mapping[str, int], earlier: Mapping[str, int]) -> list[list[str]]:
    """The outcomes of two runs in cells, by their sums alone: rare ones, by the run with fewer shots, share the last.

    Args:
        counts: shots by bit string.
        earlier: those of the other run.
    """
    shots, others = sum(counts.values()), sum(earlier.values())
    least = min(shots, others) / (shots + others)
    sums = {it: counts.get(it, 0) + earlier.get(it, 0) for it in sorted(counts.keys() | earlier.keys())}
    return _cells((it, number * least) for it, number in sums.items() if number)


def checked(counts: Mapping[str, int], earlier: Mapping[str, int]) -> tuple[int, int]:
    """The shots of two runs.

    Raises:
        ValueError: one of them has no shots, or their bit strings have different lengths.
    """
    shots, others = _shots(counts), _shots(earlier)
    _same_width(counts, earlier)
    return shots, others


def _judged(
    one: Iterable[float], other: Iterable[float], free: int, effective: float, shots: int, alpha: float
) -> Comparison:
    overlap = min(1.0, fsum(sqrt(p * q) for p, q in zip(one, other, strict=True)))
    bound = _least_angle(acos(overlap), max(1, free), effective, log(1 / alpha))
    return Comparison(overlap**2, cos(bound) ** 2, shots)


def _least_angle(angle: float, free: int, shots: float, x: float) -> float:
    """The largest angle that what was measured exceeds beyond shot noise; 0 if there is none."""
    statistic = 4 * shots * angle**2
    if statistic <= _most(0.0, free, shots, x):
        return 0.0
    low, high = 0.0, angle
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if statistic > _most(middle, free, shots, x) else (low, middle)
    return low


def _most(angle: float, free: int, shots: float, x: float) -> float:
    """What the statistic exceeds with a probability of at most exp(-x), if this is the true angle."""
    distance = 4 * shots * angle**2
    return free + distance + 2 * sqrt((free + 2 * distance) * x) + 2 * x


def _cells(outcomes: Iterable[tuple[str, float]]) -> list[list[str]]:
    """Each frequent outcome by itself, and the rare ones together: merging can only make fidelity larger."""
    frequent, rare = list[list[str]](), list[str]()
    for outcome, shots in outcomes:
        if shots >= _FEW:
            frequent.append([outcome])
        else:
            rare.append(outcome)
    return [*frequent, rare] if rare else frequent


def _shots(counts: Mapping[str, int]) -> int:
    shots = sum(counts.values())
    if shots < 1 or min(counts.values()) < 0:
        raise ValueError("there are no counts to compare: at least one shot is needed, and no count below 0")
    return shots


def _same_width(counts: Mapping[str, int], others: Iterable[str]) -> None:
    one, other = next(iter(counts)), next(iter(others), "")
    if {*map(len, counts)} != {*map(len, others)}:
        raise ValueError(f"the counts have bit strings such as {one!r}, and {other!r} is expected")
