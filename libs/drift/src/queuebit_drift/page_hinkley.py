"""The Page-Hinkley test, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from queuebit_drift.detection import Change, Direction, clipped
from queuebit_drift.errors import BadSetting
from queuebit_drift.runs import Run, checked, number

__all__ = ["PageHinkley"]


class PageHinkley:
    """Sums of distances from the running mean, against their least or greatest value so far (Page 1954).

    It needs no known mean, and so forgives an inexact reference; but the mean moves with a slow change. The arithmetic
    is that of River's `PageHinkley`: both find the same changes in samples that are not cut (a test compares them).
    """

    name: ClassVar[str] = "page-hinkley"

    def __init__(
        self,
        tolerance: float = 0.5,
        threshold: float = 20.0,
        clip: float = 3.0,
        memory: float = 0.9999,
        least: int = 30,
    ) -> None:
        """An empty detector.

        Args:
            tolerance: the change of the mean that does not count, in standard deviations.
            threshold: the sum that proves a change, in standard deviations.
            clip: the largest weight of one sample, in standard deviations.
            memory: the share of the sums that a new sample leaves, above 0 and at most 1.
            least: how many samples are needed before anything is found.

        Raises:
            BadSetting: a setting is outside of its bounds.
        """
        if not (0 <= tolerance < clip < threshold and 0 < memory <= 1 and least >= 1):
            raise BadSetting("Page-Hinkley needs 0 <= tolerance < clip < threshold, 0 < memory <= 1, least >= 1")
        self.tolerance, self.threshold, self.clip, self.memory, self.least = tolerance, threshold, clip, memory, least
        self._all = Run()
        self._up, self._down = Run(), Run()
        self._rise, self._fall, self._lowest, self._highest = 0.0, 0.0, float("inf"), -1.0

    @property
    def score(self) -> float:
        return max(self._rise - self._lowest, self._highest - self._fall) if self._all.samples >= self.least else 0.0

    def update(self, z: float, at: datetime) -> Change | None:
        """See `Detector`."""
        weight = clipped(checked(z), self.clip)
        self._all.add(weight, at)
        distance = weight - self._all.mean
        self._rise = self.memory * self._rise + distance - self.tolerance
        self._fall = self.memory * self._fall + distance + self.tolerance
        self._up.add(weight, at)
        self._down.add(weight, at)
        if self._rise < self._lowest:
            self._lowest = self._rise
            self._up.clear()
        if self._fall > self._highest:
            self._highest = self._fall
            self._down.clear()
        if self.score <= self.threshold:
            return None
        found = self._change(at)
        self.reset()
        return found

    def _change(self, at: datetime) -> Change:
        rising = self._rise - self._lowest > self.threshold
        run, side = (self._up, _UP) if rising else (self._down, _DOWN)
        return Change(at, run.since or at, side, run.mean, run.samples, self.name)

    def state(self) -> Mapping[str, object]:
        """See `Detector`."""
        return {
            "detector": self.name,
            "tolerance": self.tolerance,
            "threshold": self.threshold,
            "clip": self.clip,
            "memory": self.memory,
            "least": self.least,
            "all": self._all.state(),
            "up": self._up.state(),
            "down": self._down.state(),
            "rise": self._rise,
            "fall": self._fall,
            "lowest": self._lowest if self._all.samples else None,
            "highest": self._highest,
        }

    @classmethod
    def restored(cls, state: Mapping[str, object]) -> PageHinkley:
        """The detector that wrote this state.

        Raises:
            BadState: it is not such a state.
            BadSetting: its settings are outside of their bounds.
        """
        tolerance, threshold, clip, memory = (number(state, it) for it in ("tolerance", "threshold", "clip", "memory"))
        made = cls(tolerance, threshold, clip, memory, int(number(state, "least")))
        made._all, made._up, made._down = (Run.restored(state.get(name)) for name in ("all", "up", "down"))
        made._rise, made._fall, made._highest = (number(state, name) for name in ("rise", "fall", "highest"))
        made._lowest = float("inf") if state.get("lowest") is None else number(state, "lowest")
        return made

    def reset(self) -> None:
        """See `Detector`."""
        for run in (self._all, self._up, self._down):
            run.clear()
        self._rise, self._fall, self._lowest, self._highest = 0.0, 0.0, float("inf"), -1.0


_UP: Direction = "up"
_DOWN: Direction = "down"
