"""Moments as people write them: RFC 3339 with a zone, or relative to now."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["When", "instant", "period"]

When = Callable[[datetime], datetime]
"""Says the moment, from the time of the command."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = r"([1-9][0-9]{0,5})([smhd])"


def instant(text: str) -> When:
    """A moment such as `2026-11-30T14:00:00+01:00`, or `+2h` from now, at a whole second.

    A time without a zone is refused: on the days when clocks change, it can be two moments, or none.
    """
    if found := re.fullmatch(rf"\+{_LENGTH}", text):
        length = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
        return lambda now: _whole(now) + length
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write it like 2026-11-30T14:00:00+01:00, or +2h from now"
        raise ArgumentTypeError(f"{text!r} is not a moment: {hint}") from None
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no time zone: add it, such as {text}Z or {text}+01:00")
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        raise ArgumentTypeError(f"{text!r} is not a moment: in UTC it is outside the years 1 to 9999") from None
    return lambda _: in_utc


def period(text: str) -> timedelta:
    """A length such as 90s, 30m, 2h or 1d."""
    if found := re.fullmatch(_LENGTH, text):
        return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    raise ArgumentTypeError(f"{text!r} is not a length of time: write it like 90s, 30m, 2h or 1d")


def _whole(moment: datetime) -> datetime:
    """The moment, or the next whole second."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)
