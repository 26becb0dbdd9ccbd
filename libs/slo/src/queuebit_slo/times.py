"""Durations as OpenSLO and Prometheus write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

__all__ = ["duration", "shorthand"]

_UNITS: Final = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def duration(text: str) -> timedelta | None:
    """The length of `30d`, `4w`, `1h` or `5m`; None for anything else, such as a calendar's months."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([wdhm])", text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def shorthand(length: timedelta) -> str:
    """The same in the largest unit below weeks that divides it."""
    unit = next(it for it in "dhms" if not length % _UNITS[it] or it == "s")
    return f"{length // _UNITS[unit]}{unit}"
