"""Evaluates service levels. Error budgets are computed exactly; they may be overdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from queuebit_contracts.objectives import BUCKETS_MS, Objective, Objectives

__all__ = ["Counts", "Durations", "Level", "Ratio", "levels", "quantile"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Good cases of all cases of an objective."""

    good: int
    total: int


@dataclass(frozen=True, slots=True)
class Durations:
    """How long something took, over many cases."""

    histogram: tuple[int, ...]
    """Cases by bucket: one more entry than there are bounds, the last for what exceeds them all."""
    longest_ms: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Counters of one tenant's jobs in a window."""

    success: Ratio
    queue_wait: Durations
    end_to_end: Durations
    receipts: Ratio


@dataclass(frozen=True, slots=True)
class Level:
    """One objective, evaluated."""

    name: str
    promise: str
    target: Fraction
    good: int
    total: int
    value_ms: int | None = None
    """The quantile that the target speaks of, where durations are promised and there were any."""

    @property
    def actual(self) -> Fraction | None:
        """Share of good cases; unknown before the first case."""
        return Fraction(self.good, self.total) if self.total else None

    @property
    def budget_remaining(self) -> Fraction:
        """Share of bad cases still allowed: 1 untouched, 0 spent, negative overdrawn.

        1 - bad / (budget * total), where budget = 1 - target.
        """
        if not self.total:
            return Fraction(1)
        return 1 - Fraction(self.total - self.good) / ((1 - self.target) * self.total)


def levels(promised: Objectives, counts: Counts, events: Ratio) -> list[Level]:
    """Evaluate every objective, in the order of the file."""
    return [_level(name, objective, counts, events) for name, objective in promised.slo.items()]


def _level(name: str, objective: Objective, counts: Counts, events: Ratio) -> Level:
    target, value = Fraction(objective.target), None
    match objective.indicator:
        case "success":
            ratio = counts.success
        case "receipts":
            ratio = counts.receipts
        case "events":
            ratio = events
        case "queue_wait" | "end_to_end" as which:
            durations = counts.queue_wait if which == "queue_wait" else counts.end_to_end
            within = zip(durations.histogram, BUCKETS_MS, strict=False)
            good = sum(number for number, bound in within if bound <= _threshold(objective))
            ratio = Ratio(good, sum(durations.histogram))
            value = quantile(durations, BUCKETS_MS, target)
    return Level(name, objective.promise, target, ratio.good, ratio.total, value)


def _threshold(objective: Objective) -> int:
    return objective.threshold_ms or 0


def quantile(durations: Durations, bounds: Sequence[int], q: Fraction) -> int | None:
    """Estimate a quantile in milliseconds, linear within its bucket, and never above the longest of all.

    Args:
        durations: their histogram has one entry more than `bounds`.
        bounds: upper bounds of the buckets, ascending, in milliseconds.
        q: the share of cases at or below the answer.
    """
    rank = q * sum(durations.histogram)
    if not rank:
        return None
    below, lower = 0, 0
    for number, upper in zip(durations.histogram, bounds, strict=False):
        if number and below + number >= rank:
            return min(round(lower + (upper - lower) * (rank - below) / number), durations.longest_ms)
        below, lower = below + number, upper
    return durations.longest_ms
