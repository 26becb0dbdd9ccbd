"""Two-sided CUSUM."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from queuebit_drift.detection import Change, Direction, clipped
from queuebit_drift.errors import BadSetting
from queuebit_drift.runs import Run, checked, number

__all__ = ["Cusum"]


class Cusum:
    """Cumulative sums of what exceeds an allowance, up and down (Page 1954, Biometrika 41, 100-115).

    A sum is never below 0: it starts again with the first sample after that, which is the estimate of when the change
    began. With `allowance` 0.5, shifts of one standard deviation are found soonest among all tests with the same rate
    of false alarms (Moustakides 1986, Annals of Statistics 14, 1379-1387).
    """

    name: ClassVar[str] = "cusum"

    def __init__(self, allowance: float = 0.5, threshold: float = 15.0, clip: float = 3.0) -> None:
        """An empty detector.

        Args:
            allowance: what a sample must exceed to count, in standard deviations; half of the smallest shift to find.
            threshold: the sum that proves a change, in standard deviations.
            clip: the largest weight of one sample, in standard deviations.

        Raises:
            BadSetting: not 0 <= allowance < clip < threshold: then nothing is found, or one sample proves a change.
        """
        if not 0 <= allowance < clip < threshold + allowance:
            raise BadSetting("a CUSUM needs 0 <= allowance < clip < threshold + allowance")
        self.allowance, self.threshold, self.clip = allowance, threshold, clip
        self._sums = {"up": 0.0, "down": 0.0}
        self._runs = {"up": Run(), "down": Run()}

    @property
    def score(self) -> float:
        return max(self._sums.values())

    def update(self, z: float, at: datetime) -> Change | None:
        """See `Detector`."""
        weight = clipped(checked(z), self.clip)
        found = self._side("up", 1, weight, at)
        found = self._side("down", -1, weight, at) or found
        if found:
            self.reset()
        return found

    def _side(self, side: Direction, sign: int, weight: float, at: datetime) -> Change | None:
        self._sums[side] += sign * weight - self.allowance
        run = self._runs[side]
        if self._sums[side] <= 0:
            self._sums[side] = 0.0
            run.clear()
            return None
        run.add(weight, at)
        if self._sums[side] <= self.threshold:
            return None
        return Change(at, run.since or at, side, run.mean, run.samples, self.name)

    def state(self) -> Mapping[str, object]:
        """See `Detector`."""
        return {
            "detector": self.name,
            "allowance": self.allowance,
            "threshold": self.threshold,
            "clip": self.clip,
            **{side: {"sum": self._sums[side], **self._runs[side].state()} for side in self._sums},
        }

    @classmethod
    def restored(cls, state: Mapping[str, object]) -> Cusum:
        """The detector that wrote this state.

        Raises:
            BadState: it is not such a state.
            BadSetting: its settings are outside of their bounds.
        """
        made = cls(number(state, "allowance"), number(state, "threshold"), number(state, "clip"))
        for side, run in made._runs.items():
            stored = state.get(side)
            restored = Run.restored(stored)
            run.since, run.total, run.samples = restored.since, restored.total, restored.samples
            made._sums[side] = number(stored, "sum") if isinstance(stored, Mapping) else 0.0
        return made

    def reset(self) -> None:
        """See `Detector`."""
        for side, run in self._runs.items():
            self._sums[side] = 0.0
            run.clear()
