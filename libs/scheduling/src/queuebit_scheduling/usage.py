"""The service that a tenant received: microseconds of backend time, with decay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["PERIOD_US", "Served", "micros", "moment_of", "period_of"]

PERIOD_US = 10_000_000
"""At every multiple of ten seconds (UTC) the service decays by a tenth; it is halved after 66 s."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(us: int) -> datetime:
    """Return the time of microseconds since 1970; the inverse of `micros`."""
    return _EPOCH + us * _MICROSECOND


def period_of(at_us: int) -> int:
    """Return the number of the decay period of a time."""
    return at_us // PERIOD_US


@dataclass(frozen=True, slots=True)
class Served:
    """The service received, as of one period.

    It decays only between periods, so that the value does not depend on how often it is read.
    """

    us: int = 0
    period: int = 0

    def at(self, period: int) -> Served:
        """Return the service after decay until a later period; an earlier period changes nothing."""
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
