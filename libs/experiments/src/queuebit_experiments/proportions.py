"""How much larger one share can be than another."""

from __future__ import annotations

from math import sqrt

__all__ = ["largest_increase"]


def largest_increase(before: tuple[int, int], after: tuple[int, int], z: float) -> float:
    """The upper confidence bound of the second share minus the first, each given as (hits, trials).

    Newcombe's hybrid score interval (Statistics in Medicine 17, 873-890, 1998, method 10): it combines the score
    intervals of Wilson of both shares, and holds for few failures, also for none.

    Args:
        before: hits and trials of the first share.
        after: those of the second.
        z: the quantile of the normal distribution: 1.645 for a one-sided bound at 95 %.

    Returns:
        The bound, between -1 and 1; 1 if a share has no trials.
    """
    if not before[1] or not after[1]:
        return 1.0
    p, low, _ = _wilson(*before, z)
    q, _, high = _wilson(*after, z)
    return q - p + sqrt((high - q) ** 2 + (p - low) ** 2)


def _wilson(hits: int, trials: int, z: float) -> tuple[float, float, float]:
    """The share, and its score interval."""
    share = hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return share, middle - half, middle + half
