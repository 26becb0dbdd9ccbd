"""The service that a tenant received: microseconds of backend time, with decay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["HALF_LIFE_S", "PERIOD_US", "Served", "micros", "moment_of", "period_for", "period_of"]

PERIOD_US = 10_000_000
"""At every multiple of its period (UTC) the service decays by a tenth; this is the period of policies up to 6, in which
it is halved after 66 s."""

HALF_LIFE_S = 600.0
"""After so long service received counts half, by default. Longer than any usual job, so that a tenant that is one job
ahead or behind is near its share; short enough that a tenant that used what others left free is soon treated as
before."""

_PERIODS_OF_HALF = 6.578813
"""log(1/2) / log(9/10): after so many periods half of the service is left."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(us: int) -> datetime:
    """Return the time of microseconds since 1970; the inverse of `micros`."""
    return _EPOCH + us * _MICROSECOND


def period_of(at_us: int, period_us: int = PERIOD_US) -> int:
    """Return the number of the decay period of a time."""
    return at_us // period_us


def period_for(half_life_s: float) -> int:
    """Return the period in microseconds with which half of the service is left after so many seconds."""
    return max(1, round(half_life_s * 1e6 / _PERIODS_OF_HALF))


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
