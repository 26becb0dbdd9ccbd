"""What the estimators share: the confidence bound, and a search for the parameter that explains an observation."""

from __future__ import annotations

from collections.abc import Callable
from math import log2, sqrt
from typing import Final

__all__ = ["MIN_BITS", "Z", "min_entropy", "solved", "upper"]

MIN_BITS: Final = 10_000
"""The fewest bits that all estimators can use. The standard asks for 1,000,000; fewer give lower estimates."""

Z: Final = 2.5758293035489008
"""The normal quantile of 0.995: all bounds have a confidence of 99 % (SP 800-90B, section 6.3.1)."""

_STEPS: Final = 80


def upper(share: float, trials: int) -> float:
    """The upper bound of a probability that was observed as a share of trials."""
    return min(1.0, share + Z * sqrt(share * (1 - share) / (trials - 1)))


def min_entropy(probability: float) -> float:
    """Bits of min-entropy where the most probable outcome has this probability."""
    return max(0.0, -log2(probability))


def solved(falling: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a falling function has a value, by bisection; `low` if it is below the value everywhere."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if falling(middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
