"""When a delivery is tried again, and what an answer means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

__all__ = ["PAUSES_S", "Verdict", "next_try_s", "retry_after_s", "verdict_of"]

PAUSES_S: Final = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The pause before each try, in seconds: ten tries in a little more than three days."""

_JITTER: Final = 0.2
"""Pauses are longer by up to this part, so that receivers that were down together are not all tried together."""
_LONGEST_S: Final = 86_400.0
"""The longest pause that a receiver can ask for."""


class Verdict(Enum):
    """What an answer means for the delivery."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"
    """410: the receiver wants no more events; the endpoint is disabled."""


def verdict_of(status: int) -> Verdict:
    """What a status means. A redirect is a failure: its target was not checked."""
    if status == 410:
        return Verdict.GONE
    return Verdict.DELIVERED if 200 <= status < 300 else Verdict.FAILED


def next_try_s(tries: int, jitter: float, asked_s: float | None, pauses: Sequence[float] = PAUSES_S) -> float | None:
    """How long to wait after `tries` failed tries; None if there is no further one.

    Args:
        tries: at least 1.
        jitter: a random number from 0 to 1.
        asked_s: what the receiver asked for; a longer pause than planned is kept, up to a day.
        pauses: before each try, in seconds.
    """
    if tries >= len(pauses):
        return None
    return max(pauses[tries] * (1 + _JITTER * jitter), min(asked_s or 0.0, _LONGEST_S))


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """How long a `Retry-After` asks to wait: seconds or a date (RFC 9110, section 10.2.3); None if it is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
