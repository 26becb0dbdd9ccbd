"""What repeats each day and each week, so that a busy Monday is no drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from queuebit_drift.errors import BadState

__all__ = ["FORTNIGHT", "NO_SEASON", "Season"]

FORTNIGHT: Final = timedelta(days=14)
"""The least history that a season is learned from: each hour of the week twice."""

_LEAST = 4
"""Samples of an hour or weekday; with fewer, it has no season of its own."""


@dataclass(frozen=True, slots=True)
class Season:
    """What to subtract by hour of day and by day of week, in UTC; in the unit of the values."""

    hours: tuple[float, ...] = (0.0,) * 24
    days: tuple[float, ...] = (0.0,) * 7
    """From Monday."""

    def at(self, moment: datetime) -> float:
        """What the season adds at a moment."""
        return self.hours[moment.hour] + self.days[moment.weekday()]

    @classmethod
    def learned(cls, samples: Sequence[tuple[datetime, float]]) -> Season:
        """The season of a history of at least a fortnight; none of a shorter one.

        Medians of hours, then of weekdays of what is left, twice: one sweep of each leaves a rest where the hours are
        not the same on each day (median polish, Tukey 1977).
        """
        if not samples or samples[-1][0] - samples[0][0] < FORTNIGHT:
            return NO_SEASON
        middle = median(value for _, value in samples)
        hours: tuple[float, ...] = (0.0,) * 24
        days: tuple[float, ...] = (0.0,) * 7
        for _ in range(2):
            hours = _medians(24, ((at.hour, value - middle - days[at.weekday()]) for at, value in samples))
            days = _medians(7, ((at.weekday(), value - middle - hours[at.hour]) for at, value in samples))
        return cls(hours, days)

    def state(self) -> dict[str, object]:
        """The season as plain JSON."""
        return {"hours": [*self.hours], "days": [*self.days]}

    @classmethod
    def restored(cls, state: object) -> Season:
        """The season that `state` wrote.

        Raises:
            BadState: it is not such a state.
        """
        try:
            if not isinstance(state, Mapping):
                raise TypeError
            found = cls(tuple(map(float, state["hours"])), tuple(map(float, state["days"])))
        except (KeyError, TypeError, ValueError):
            raise BadState("a season is 24 hours and 7 days of numbers") from None
        if (len(found.hours), len(found.days)) != (24, 7):
            raise BadState("a season is 24 hours and 7 days of numbers")
        return found


NO_SEASON: Final = Season()
"""Nothing repeats."""


def _medians(cells: int, values: Iterable[tuple[int, float]]) -> tuple[float, ...]:
    found: list[list[float]] = [[] for _ in range(cells)]
    for cell, value in values:
        found[cell].append(value)
    return tuple(median(it) if len(it) >= _LEAST else 0.0 for it in found)
