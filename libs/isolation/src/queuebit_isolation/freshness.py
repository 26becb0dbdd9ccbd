"""After which time without a new calibration a device counts as not calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from queuebit_isolation.document import Limits

__all__ = ["overdue_after_us"]

_ENOUGH = 3
"""The least calibrations that show a rhythm."""


def overdue_after_us(calibrated_us: Sequence[int], limits: Limits) -> int | None:
    """Return how old the newest calibration may become, in microseconds.

    Args:
        calibrated_us: the moments of the device's calibrations, the oldest first.
        limits: those of the device.

    Returns:
        Some of its median intervals, and not less than the limit for all; None while it has no rhythm, such as a device
        that is emulated from one calibration.
    """
    if len(calibrated_us) < _ENOUGH:
        return None
    usual = median(later - earlier for earlier, later in pairwise(calibrated_us))
    return max(round(usual * limits.overdue_intervals), round(limits.overdue_h * 3_600_000_000))
