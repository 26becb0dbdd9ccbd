"""Service a tenant received: microseconds of backend time, slowly forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["PERIOD_US", "Served", "micros", "moment_of", "period_of"]

PERIOD_US = 10_000_000
"""At every boundary of ten seconds (UTC) a tenth of the service is forgotten: after 66 s half of it is."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(us: int) -> datetime:
    """Return the moment that `micros` made these microseconds of."""
    return _EPOCH + us * _MICROSECOND


def period_of(at_us: int) -> int:
    """Return the number of the period in which a moment lies."""
    return at_us // PERIOD_US


@dataclass(frozen=True, slots=True)
class Served:
    """Service received, as it stood in one period.

    Forgetting happens at boundaries only, so the value at a moment does not depend on when else it was read.
    """

    us: int = 0
    period: int = 0

    def at(self, period: int) -> Served:
        """What is left of it in a later period; time never runs backwards here."""
        us = self.us
        for _ in range(period - self.period):
            if not us:
                break
            us = us * 9 // 10
        return Served(us, max(period, self.period))

    def plus(self, us: int, period: int) -> Served:
        """Add service received in a period."""
        then = self.at(period)
        return Served(then.us + us, then.period)
