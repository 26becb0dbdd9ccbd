"""Health tests of raw bits, NIST SP 800-90B, section 4.4: they find a source that broke, not a slightly worse one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import ceil, comb
from typing import Final

__all__ = ["HealthTest", "adaptive_proportion", "repetition_count"]

_WINDOW: Final = 1024
_FALSE_ALARM_LOG2: Final = 20
"""A source that is as good as claimed fails at one bit, or in one window, with a probability of 2^-20."""


@dataclass(frozen=True, slots=True)
class HealthTest:
    """What a health test found."""

    name: str
    worst: int
    """The longest run, or the most equal bits in one window."""
    cutoff: int
    """From which on the source has failed."""

    @property
    def passed(self) -> bool:
        return self.worst < self.cutoff


def repetition_count(bits: str, claimed: float) -> HealthTest:
    """Section 4.4.1: no bit may repeat too often.

    Args:
        bits: as they were measured.
        claimed: min-entropy that a healthy source has, in bits per bit, above 0.
    """
    longest = max((sum(1 for _ in run) for _, run in groupby(bits)), default=0)
    return HealthTest("repetition count", longest, 1 + ceil(_FALSE_ALARM_LOG2 / claimed))


def adaptive_proportion(bits: str, claimed: float) -> HealthTest:
    """Section 4.4.2: the first bit of a window of 1,024 may not be too common in it. Arguments as above."""
    windows = [bits[it : it + _WINDOW] for it in range(0, len(bits) - _WINDOW + 1, _WINDOW)]
    most = max((it.count(it[0]) for it in windows), default=0)
    return HealthTest("adaptive proportion", most, 1 + _critical(2**-claimed))


def _critical(share: float) -> int:
    """The least number of successes that more than 1 - 2^-20 of all binomial windows do not exceed."""
    rest = 0.0
    for successes in range(_WINDOW, 0, -1):
        rest += comb(_WINDOW, successes) * share**successes * (1 - share) ** (_WINDOW - successes)
        if rest > 2**-_FALSE_ALARM_LOG2:
            return successes
    return 0
