"""Confidence intervals of counts, by the method that a result names. Clients show them without pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import Final

__all__ = ["LEVEL", "METHOD", "intervals", "wilson"]

METHOD: Final = "wilson"
"""Of counts, and of results that name no method."""

LEVEL: Final = "0.95"
"""Its confidence level, an exact decimal."""


def wilson(count: int, shots: int, level: str = LEVEL) -> tuple[float, float]:
    """Return the Wilson score interval of a share, from 0 to 1.

    It is the set of shares p for which the count is within z standard deviations sqrt(p (1 - p) / n) of p, with z the
    normal quantile of (1 + level) / 2. Unlike count / n +- z standard errors it is not empty where the count is 0 or n,
    and covers p about as often as the level says, also for few shots.

    Source: E. B. Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22; Brown,
    Cai and DasGupta 2001, "Interval estimation for a binomial proportion", Statistical Science 16, equation 4.

    Args:
        count: the shots with the outcome, from 0 to `shots`.
        shots: all shots, at least 1.
        level: the confidence level between 0 and 1, as a decimal.

    Raises:
        ValueError: there are no shots, or the count is not one of them.
    """
    if not 0 <= count <= shots or shots < 1:
        raise ValueError(f"{count} of {shots} shots have no share: give a count from 0 to the number of shots")
    z2 = _quantile(level) ** 2
    centre = (count + z2 / 2) / (shots + z2)
    half = sqrt(z2 * (count * (shots - count) / shots + z2 / 4)) / (shots + z2)
    low = 0.0 if count == 0 else max(0.0, centre - half)
    return low, 1.0 if count == shots else min(1.0, centre + half)


def intervals(
    counts: Mapping[str, int], method: str = METHOD, level: str | None = LEVEL
) -> dict[str, tuple[float, float]]:
    """Return the interval of the share of each outcome, each for itself; empty for a method that is not known."""
    shots = sum(counts.values())
    if method != METHOD or shots < 1:
        return {}
    known = {count: wilson(count, shots, level or LEVEL) for count in set(counts.values())}
    return {bits: known[count] for bits, count in counts.items()}


@lru_cache(maxsize=16)
def _quantile(level: str) -> float:
    return NormalDist().inv_cdf((1 + float(level)) / 2)
