"""Whether one tenant's results are worse while another is active, tested against shuffled time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["FEWEST", "LIKELY", "SMALLEST", "Disturbance", "disturbance"]

FEWEST: Final = 3
"""Hours with a result, while the neighbour was active and while it was not, below which nothing is compared."""
SMALLEST: Final = 0.02
"""The smallest drop of fidelity that is an incident."""
LIKELY: Final = 0.01
"""The chance at or above which a drop is none: 168 hours of a week give 1/168 at the least."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How the fidelity of one tenant goes with the activity of another."""

    drop: float
    """The mean fidelity while the neighbour was not active, less that while it was."""
    chance: float
    """How often the drop is as large if the activity is shifted in time; 1/n at the least, as it is itself one of n."""

    @property
    def is_incident(self) -> bool:
        """Whether the drop is large, and chance alone hardly gives it."""
        return self.drop >= SMALLEST and self.chance < LIKELY


def disturbance(fidelity: Sequence[float | None], active: Sequence[bool]) -> Disturbance | None:
    """Compare the drop of fidelity with those of all rotations of the neighbour's activity.

    A rotation keeps how long the neighbour works at a time, and which hours of a day follow each other, and takes away
    what both have to do with each other. If the two are independent, each rotation is as probable as what happened, so
    that a chance below alpha is found with probability alpha at most, whatever the distribution of either is.

    Args:
        fidelity: the mean fidelity of each hour, from 0 to 1; None where there was no result.
        active: whether the neighbour was active in the same hour.

    Returns:
        The drop and its chance; None if there are too few hours of one kind.

    Raises:
        ValueError: the two do not have the same length.
    """
    if len(fidelity) != len(active):
        raise ValueError(f"{len(fidelity)} hours of fidelity and {len(active)} of activity do not belong together")
    hours = range(len(active))
    drops = [_drop(fidelity, [active[(at + shift) % len(active)] for at in hours]) for shift in hours]
    if not drops or (found := drops[0]) is None:
        return None
    as_large = sum(it is not None and it >= found for it in drops)
    return Disturbance(found, as_large / len(drops))


def _drop(fidelity: Sequence[float | None], active: Sequence[bool]) -> float | None:
    during = [it for it, busy in zip(fidelity, active, strict=True) if it is not None and busy]
    apart = [it for it, busy in zip(fidelity, active, strict=True) if it is not None and not busy]
    if min(len(during), len(apart)) < FEWEST:
        return None
    return sum(apart) / len(apart) - sum(during) / len(during)
