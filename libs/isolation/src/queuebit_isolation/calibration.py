"""When a device is calibrated next, by rule, and where in its calendar that has a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = ["CalibrationRule", "Period", "next_due", "place", "wished"]

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


class CalibrationRule(BaseModel):
    """How often a backend is calibrated, and for how long no job runs there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    every_h: float = Field(ge=1, le=8_784)
    """The next calibration is due so long after the last one."""
    minutes: int = Field(default=20, ge=1, le=1_440)
    """The length of the window."""
    at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """The wished time of the day, such as `04:00`, in UTC: the nearest one counts; absent: at any time."""
    within_h: float | None = Field(default=None, ge=0, le=744)
    """How far the window may be moved where its time is taken; absent: 6, or half of `every_h` if that is less."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.at is not None and self.every_h < 24:
            raise ValueError("`at` is one time a day: leave it out, or let every_h be 24 or more")
        if 2 * self.within > self.every:
            raise ValueError("within_h must be at most half of every_h: otherwise two windows could change places")
        if 2 * self.length > self.every:
            raise ValueError("minutes must be at most half of every_h: jobs need time, too")
        return self

    @property
    def every(self) -> timedelta:
        """From one calibration to the next."""
        return timedelta(hours=self.every_h)

    @property
    def length(self) -> timedelta:
        """Of the window."""
        return timedelta(minutes=self.minutes)

    @property
    def within(self) -> timedelta:
        """How far the window may be moved."""
        return timedelta(hours=min(6, self.every_h / 2) if self.within_h is None else self.within_h)

    @property
    def text(self) -> str:
        """The rule for people; two rules with the same text are the same."""
        at = f" at {self.at} UTC" if self.at is not None else ""
        within = self.within / timedelta(hours=1)
        return f"every {self.every_h:g} h for {self.minutes} min{at}, moved by at most {within:g} h"


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a backend is taken."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether it has a moment in common with another time."""
        return self.starts_at < ends_at and starts_at < self.ends_at


def next_due(rule: CalibrationRule, last: datetime) -> datetime:
    """Return when the calibration after the last one is due, at a whole minute; it may be past.

    With a wished time of the day it is the one that is nearest to `every_h` after the last calibration.
    """
    due = _whole(last + rule.every)
    if rule.at is None:
        return due
    before = _at_or_after(rule.at, due) - _DAY
    return before if due - before < before + _DAY - due else before + _DAY


def wished(rule: CalibrationRule, due: datetime, earliest: datetime) -> datetime:
    """Return when the window is to begin if its time is free: when it is due, or as soon as it can if that is past.

    Args:
        rule: of the backend.
        due: from `next_due`.
        earliest: it begins at this moment or later; with a wished time of the day, at the next one.
    """
    earliest = _whole(earliest)
    if due >= earliest:
        return due
    return earliest if rule.at is None else _at_or_after(rule.at, earliest)


def place(rule: CalibrationRule, due: datetime, earliest: datetime, taken: Sequence[Period]) -> datetime | None:
    """Return when the window begins: as near to its wished time as the calendar allows; None if it has no place.

    Args:
        rule: of the backend.
        due: from `next_due`.
        earliest: it begins at this moment or later.
        taken: the other windows and the reservations of the backend, in any order.
    """
    earliest, when = _whole(earliest), wished(rule, due, earliest)
    first, last = max(when - rule.within, earliest), when + rule.within
    starts = [when, *(it.ends_at for it in taken), *(it.starts_at - rule.length for it in taken)]
    free = [it for it in starts if first <= it <= last and not any(one.overlaps(it, it + rule.length) for one in taken)]
    return min(free, key=lambda it: (abs(it - when), it), default=None)


def _whole(moment: datetime) -> datetime:
    """The moment, or the next whole minute."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + _MINUTE


def _at_or_after(at: str, moment: datetime) -> datetime:
    hour, minute = map(int, at.split(":"))
    same_day = moment.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return same_day if same_day >= moment else same_day + _DAY
