"""Whether values of one arm are not worse than those of the other by more than a ratio: a rank test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf, sqrt

from queuebit_experiments.arms import Values

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the ranks of two arms say."""

    z: float
    """Standard deviations by which the candidate's values are smaller than the limit; negative if they are larger."""
    pairs: int
    """Pairs of a job of each arm that could be compared."""
    smaller: float
    """The share of pairs in which the candidate's value is the smaller one; ties count half."""


def compare(baseline: Values, candidate: Values, ratio: float) -> Comparison:
    """Compare the candidate's values with the baseline's times `ratio`, job by job, in each stratum.

    In one stratum it is the test of Mann and Whitney with the normal approximation, without a correction for
    continuity. Strata are combined as by van Elteren (1960): each weighs 1/(N + 1). Devices and circuits differ, and
    a device drifts: so only jobs of one stratum are compared.

    Args:
        baseline: nonnegative values by stratum.
        candidate: likewise.
        ratio: by how much larger values are still good enough: 1.1 allows ten percent more.

    Returns:
        Evidence that the candidate's values are smaller than `ratio` times the baseline's. If all values that can be
        compared are equal, z is infinite: there is no difference. Without pairs, z is 0.
    """
    above = variance = smaller = 0.0
    pairs = 0
    for stratum in baseline.keys() & candidate.keys():
        limits, values = [it * ratio for it in baseline[stratum]], candidate[stratum]
        if not limits or not values:
            continue
        wins, spread = _mann_whitney(limits, values)
        all_pairs, weight = len(limits) * len(values), 1 / (len(limits) + len(values) + 1)
        above += weight * (wins - all_pairs / 2)
        variance += weight**2 * spread
        smaller += wins
        pairs += all_pairs
    if not pairs:
        return Comparison(0.0, 0, 0.5)
    return Comparison(above / sqrt(variance) if variance else inf, pairs, smaller / pairs)


def _mann_whitney(limits: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """In how many pairs the value is below the limit (ties count half), and its variance if both arms are alike."""
    joined = sorted([(it, False) for it in limits] + [(it, True) for it in values], key=lambda it: it[0])
    wins, ties, seen = 0.0, 0, 0  # `seen`: values below the present one
    for _, group in groupby(joined, key=lambda it: it[0]):
        kinds = [is_value for _, is_value in group]
        mine = sum(kinds)
        wins += (len(kinds) - mine) * (seen + mine / 2)
        seen += mine
        ties += len(kinds) ** 3 - len(kinds)
    n, m = len(limits), len(values)
    size = n + m
    return wins, n * m / 12 * (size + 1 - ties / (size * (size - 1)))
