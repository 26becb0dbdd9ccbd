"""One tenant's service levels, from counted cases. Error budgets are computed exactly; they may be overdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from queuebit_slo import Counts, Objective, budget

__all__ = ["Level"]


@dataclass(frozen=True, slots=True)
class Level:
    """One objective, evaluated."""

    objective: Objective
    counts: Counts
    value_ms: int | None = None
    """Of durations: in so many milliseconds is the share of cases that the target speaks of; None without a case."""

    @property
    def actual(self) -> Fraction | None:
        """Share of good cases; unknown before the first case."""
        return Fraction(self.counts.good, self.counts.total) if self.counts.total else None

    @property
    def budget_remaining(self) -> Fraction:
        """Share of bad cases still allowed: 1 untouched, 0 spent, negative overdrawn."""
        return budget(self.objective, self.counts).remaining
