"""Shot noise: what a finite number of shots alone explains, so that the rest is the device."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import asin, pi, sin, sqrt
from statistics import median

__all__ = [
    "expected_infidelity",
    "heavy_outcomes",
    "hellinger_infidelity",
    "least_infidelity",
    "overdispersion",
    "robust",
    "share_of",
    "shot_variance",
]

_MAD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""


def share_of(counts: Mapping[str, int], outcomes: Collection[str]) -> tuple[float, int]:
    """The share of shots with one of these outcomes, from 0 to 1, and the number of shots."""
    shots = sum(counts.values())
    return sum(counts.get(it, 0) for it in outcomes) / max(shots, 1), shots


def heavy_outcomes(counts: Mapping[str, int], bits: int) -> frozenset[str]:
    """The outcomes more frequent than in uniform noise: what a circuit without a known answer is watched by.

    Noise that is the same for all outcomes lowers their share, whatever the circuit is (compare heavy outputs in Cross
    et al. 2019, arXiv:1811.12926, which take the median). All of a uniform distribution are light: the set is empty.
    """
    shots = sum(counts.values())
    return frozenset(it for it, count in counts.items() if count * 2.0**bits > shots)


def hellinger_infidelity(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """1 minus the Hellinger fidelity of two sets of counts, from 0 (equal shares) to 1 (nothing in common).

    The fidelity is (sum over outcomes of sqrt(p q))^2, as Qiskit's `hellinger_fidelity` has it.
    """
    shots, others = sum(one.values()), sum(other.values())
    if not shots or not others:
        return 1.0
    overlap = sum(sqrt(one[it] / shots * other[it] / others) for it in one.keys() & other.keys())
    return max(0.0, 1 - overlap**2)


def expected_infidelity(outcomes: int, shots: int) -> float:
    """The Hellinger infidelity to the exact distribution that shot noise alone gives: (k - 1) / (4 n)."""
    return (outcomes - 1) / (4 * max(shots, 1))


def shot_variance(share: float, shots: int) -> float:
    """The variance of a share of `shots`, never 0: as if one more shot of each kind had been seen."""
    bounded = (share * shots + 1) / (shots + 2)
    return bounded * (1 - bounded) / max(shots, 1)


def overdispersion(values: Sequence[float], variances: Sequence[float]) -> float:
    """How many times the variance of shot noise the values have, by a robust scale; at least 1.

    Real devices have 1.4 to 5 while nothing drifts. Below 1 is chance, and would make each test too sharp.
    """
    _, scale = robust(values)
    mean = sum(variances) / max(len(variances), 1)
    return max(1.0, scale * scale / mean) if mean > 0 else 1.0


def robust(values: Sequence[float]) -> tuple[float, float]:
    """Centre and standard deviation, of all values but far ones.

    Values beyond three robust standard deviations (median absolute deviation) count as three. The deviation is an upper
    estimate, by one standard error: with one that is too small, tests find changes that are none.
    """
    if not values:
        return 0.0, 0.0
    middle = median(values)
    far = 3 * _MAD * median(abs(it - middle) for it in values)
    cut = [max(-far, min(far, it - middle)) for it in values]
    mean = sum(cut) / len(cut)
    variance = sum((it - mean) ** 2 for it in cut) / max(len(cut) - 1, 1)
    return middle + mean, sqrt(variance) * (1 + 1 / sqrt(2 * len(values)))


def least_infidelity(
    one: tuple[float, int], other: tuple[float, int], phi: float = 1.0, sigmas: float = 1.645
) -> float:
    """A lower bound of the Hellinger infidelity between two shares, each with its shots.

    On the circle, a share p is the angle arcsin(sqrt(p)), whose variance is 1 / (4 n) for every p, and the infidelity
    is sin^2 of the difference. The bound subtracts `sigmas` standard errors from the difference: 1.645 for 95 %.

    Args:
        one: share and shots.
        other: share and shots.
        phi: overdispersion: how many times the variance of shot noise the shares have.
        sigmas: standard errors to subtract.
    """
    (p, n), (q, m) = one, other
    angle = abs(asin(sqrt(min(max(p, 0.0), 1.0))) - asin(sqrt(min(max(q, 0.0), 1.0))))
    error = sqrt(phi / 4 * (1 / max(n, 1) + 1 / max(m, 1)))
    return sin(min(pi / 2, max(0.0, angle - sigmas * error))) ** 2
