"""The uncertainty of counts: a method that a result names, and the interval that it gives for each outcome."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import Final

from pydantic import Field

from queuebit_contracts.wire import Wire

__all__ = ["STANDARD_ERROR", "WILSON", "Uncertainty", "intervals", "wilson"]


class Uncertainty(Wire):
    """How the uncertainty of a result is computed. It covers shot noise, not errors of the device."""

    method: str = Field(max_length=64)
    """`wilson`: a Wilson score interval for the share of each outcome, which follows from the counts.
    `standard-error`: each value has its standard error beside it."""
    level: str | None = Field(default=None, pattern=r"^0\.[0-9]{1,9}$")
    """The confidence level of each interval, an exact decimal; absent where the method has none."""


WILSON: Final = Uncertainty(method="wilson", level="0.95")
"""Of counts, and of results that name no method."""

STANDARD_ERROR: Final = Uncertainty(method="standard-error")
"""Of expectation values and other estimates."""


def wilson(count: int, shots: int, level: str = "0.95") -> tuple[float, float]:
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


def intervals(counts: Mapping[str, int], how: Uncertainty | None = None) -> dict[str, tuple[float, float]]:
    """Return the interval of the share of each outcome, each for itself; empty for a method that is not known."""
    how = how or WILSON
    shots = sum(counts.values())
    if how.method != WILSON.method or shots < 1:
        return {}
    level = how.level or "0.95"
    known = {count: wilson(count, shots, level) for count in set(counts.values())}
    return {bits: known[count] for bits, count in counts.items()}


@lru_cache(maxsize=16)
def _quantile(level: str) -> float:
    return NormalDist().inv_cdf((1 + float(level)) / 2)
