"""Windows of budgets: which charges count today, when money comes back, and when a budget will be spent.

Days are of UTC. Charges are kept by day, so what a window needs is bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from queuebit_kernel import Money

__all__ = ["DAYS_KEPT", "Spending", "count_day", "first_day", "period_of"]

DAYS_KEPT: Final = 366
"""The longest window in days, and how many days are kept apart."""

_MONTH: Final = "month"
_BURN_DAYS: Final = 7
"""The forecast takes the mean of so many days."""


def first_day(window: str, today: date) -> date | None:
    """The first day whose charges count; None where all count, and for a window that this version does not know."""
    if window == _MONTH:
        return today.replace(day=1)
    days = _days_of(window)
    return None if days is None else today - timedelta(days=days - 1)


def period_of(window: str, today: date) -> str:
    """The period in which a share of a budget is announced once.

    A month is its own period: `2026-11`. A window of n days has no beginning, so its periods are n days each, counted
    from the first day of the calendar, and named by their first day. The period of a lifetime is `all`.
    """
    if window == _MONTH:
        return f"{today:%Y-%m}"
    days = _days_of(window)
    if days is None:
        return "all"
    return date.fromordinal(today.toordinal() // days * days or 1).isoformat()


def count_day(by_day: dict[date, Money], day: date, amount: Money) -> None:
    """Add a charge to its day; forget days that no window reaches any more."""
    by_day[day] = by_day.get(day, Money.zero(amount.currency)) + amount
    if len(by_day) > DAYS_KEPT:
        oldest = max(by_day) - timedelta(days=DAYS_KEPT)
        for it in [it for it in by_day if it <= oldest] or [min(by_day)]:
            del by_day[it]


@dataclass(frozen=True, slots=True)
class Spending:
    """What became of a budget, as of a day."""

    window: str
    today: date
    limit: Money
    held: Money
    """On hold now; it counts whatever day it was held."""
    lifetime: Money
    """Charged since the budget was defined."""
    by_day: Mapping[date, Money]
    """Charged, by day."""

    @property
    def spent(self) -> Money:
        """What was charged in the window."""
        first = first_day(self.window, self.today)
        if first is None:
            return self.lifetime
        counted = (it for day, it in self.by_day.items() if day >= first)
        return sum(counted, Money.zero(self.limit.currency))

    @property
    def left(self) -> Money:
        """What may still be held."""
        return self.limit - self.held - self.spent

    def frees(self, need: Money) -> date | None:
        """The first day on which so much will be left if nothing else happens; None if waiting for days is no help."""
        first = first_day(self.window, self.today)
        if first is None or need > self.limit - self.held:
            return None
        if self.window == _MONTH:
            return _next_month(self.today)
        left = self.left
        for day in sorted(it for it in self.by_day if it >= first):
            left += self.by_day[day]
            if need <= left:
                return day + (self.today - first) + timedelta(days=1)
        return None

    def spent_by(self) -> date | None:
        """The day on which nothing will be left at the present rate; None if that is beyond the window.

        The rate is the mean of the last seven days, or of those since the first charge. What leaves a window of days
        until then is counted.
        """
        zero = Money.zero(self.limit.currency)
        days = min(_BURN_DAYS, (self.today - min(self.by_day, default=self.today)).days + 1)
        begin = self.today - timedelta(days=days - 1)
        burnt = sum((it for day, it in self.by_day.items() if begin <= day <= self.today), zero)
        counted, room = self.spent, self.limit - self.held
        if counted >= room:
            return self.today
        if burnt <= zero or days < 1:
            return None
        first = first_day(self.window, self.today)
        end = _next_month(self.today) if self.window == _MONTH else self.today + timedelta(days=_horizon(self.window))
        used, day = _times(counted, days), self.today  # everything times `days`, so that nothing is divided
        while day < end:
            if used >= _times(room, days):
                return day
            day += timedelta(days=1)
            used += burnt
            if first is not None and self.window != _MONTH:
                leaves = self.by_day.get(first + (day - self.today) - timedelta(days=1), zero)
                used -= _times(leaves, days)
        return None


def _times(amount: Money, number: int) -> Money:
    return Money(amount.amount * number, amount.currency)


def _days_of(window: str) -> int | None:
    digits = window.removesuffix("d")
    return int(digits) if digits != window and digits.isdecimal() and 0 < int(digits) <= DAYS_KEPT else None


def _horizon(window: str) -> int:
    return _days_of(window) or DAYS_KEPT


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
