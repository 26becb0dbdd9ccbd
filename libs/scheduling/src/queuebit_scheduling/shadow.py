"""Two policies over one snapshot: how far their decisions agree. The second one places nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_scheduling.plan import Place

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Counts of placements; those of several cycles add up."""

    cycles: int = 0
    placed: int = 0
    """Placements of the policy that places."""
    same: int = 0
    """Of them, those that the other policy makes in the same cycle, too, on the same backend."""
    moved: int = 0
    """Of them, those that the other policy makes on another backend."""
    missing: int = 0
    """Of them, those that the other policy does not make in this cycle."""
    added: int = 0
    """Placements that only the other policy makes."""

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            self.cycles + other.cycles,
            self.placed + other.placed,
            self.same + other.same,
            self.moved + other.moved,
            self.missing + other.missing,
            self.added + other.added,
        )


def agreement(placed: Sequence[Place], shadowed: Sequence[Place]) -> Agreement:
    """Compare the decisions of one cycle: those that were placed, and those of the other policy."""
    mine, others = ({it.job: it.backend for it in places} for places in (placed, shadowed))
    both = mine.keys() & others.keys()
    same = sum(mine[it] == others[it] for it in both)
    return Agreement(1, len(mine), same, len(both) - same, len(mine) - len(both), len(others) - len(both))
