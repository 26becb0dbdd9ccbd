"""Whether two runs can have the same distribution: Pearson's chi-squared test of homogeneity.

The cells follow from the sums of both runs, and each expects five shots or more in the run with fewer, as Cochran asks
(1954, "Some methods for strengthening the common chi-squared tests"). The tail of the chi-squared distribution is a
finite sum (Abramowitz and Stegun 26.4.4 and 26.4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, exp, fsum, lgamma, log, sqrt

from queuebit_replay.comparison import checked, together

__all__ = ["EXPECTED", "Homogeneity", "homogeneity"]

EXPECTED = 5.0
"""The least number of shots that a cell expects in the run with fewer shots."""


@dataclass(frozen=True, slots=True)
class Homogeneity:
    """What the test found."""

    statistic: float
    """Pearson's chi-squared."""
    freedom: int
    """Its degrees of freedom; 0 if all outcomes share one cell, so that nothing was tested."""
    p_value: float
    """How often runs of the same distribution differ at least so much; 1 if nothing was tested."""


def homogeneity(counts: Mapping[str, int], earlier: Mapping[str, int]) -> Homogeneity:
    """Test whether two runs have the same distribution.

    Args:
        counts: shots by bit string.
        earlier: those of the other run; the number of shots may differ.

    Raises:
        ValueError: one of them has no shots, or their bit strings have different lengths.
    """
    shots, others = checked(counts, earlier)
    pairs = [
        (sum(counts.get(it, 0) for it in cell), sum(earlier.get(it, 0) for it in cell))
        for cell in together(counts, earlier)
    ]
    pairs = _full(pairs, min(shots, others) / (shots + others))
    statistic = fsum((one * others - other * shots) ** 2 / (one + other) for one, other in pairs) / (shots * others)
    freedom = len(pairs) - 1
    return Homogeneity(statistic, freedom, _tail(statistic, freedom) if freedom else 1.0)


def _full(pairs: list[tuple[int, int]], least: float) -> list[tuple[int, int]]:
    """The cells, with the last one merged into the least frequent of the others while it expects too few shots."""
    *rest, (one, other) = pairs
    if not rest or (one + other) * least >= EXPECTED:
        return pairs
    fewest = min(range(len(rest)), key=lambda it: sum(rest[it]))
    rest[fewest] = (rest[fewest][0] + one, rest[fewest][1] + other)
    return rest


def _tail(statistic: float, freedom: int) -> float:
    """The probability that chi-squared exceeds a value."""
    half = statistic / 2
    if half <= 0:
        return 1.0
    begin = [erfc(sqrt(half))] if freedom % 2 else []
    powers = (it + (freedom % 2) / 2 for it in range(freedom // 2))
    return min(1.0, fsum((*begin, *(exp(it * log(half) - half - lgamma(it + 1)) for it in powers))))
