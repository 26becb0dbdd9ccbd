"""A Bayesian online change point."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import exp, inf, log, log1p
from typing import ClassVar

from queuebit_drift.detection import Change, clipped
from queuebit_drift.errors import BadSetting, BadState
from queuebit_drift.runs import Run, checked, number

__all__ = ["Bayesian"]

_NEGLIGIBLE = 9.5
"""Hypotheses whose weight is below exp(-9.5) of the heaviest are dropped."""


class Bayesian:
    """The posterior of when the present mean began (Adams and MacKay 2007, arXiv:0710.3742), known variance 1.

    Until the first change the mean is 0, as the reference says. With each sample the mean changes with probability
    `hazard`; a new mean is drawn from a normal distribution around 0. The score is the logarithm of the odds that a
    change has taken place. Of the exact recursion, only runs of negligible weight are left out.
    """

    name: ClassVar[str] = "bayesian"

    def __init__(self, hazard: float = 0.001, spread: float = 2.0, threshold: float = 9.0, clip: float = 3.0) -> None:
        """An empty detector.

        Args:
            hazard: probability of a change with each sample, between 0 and 1.
            spread: standard deviation of a new mean, in standard deviations of a sample.
            threshold: logarithm of the odds that proves a change; 9 is 8,100 to 1.
            clip: the largest weight of one sample, in standard deviations.

        Raises:
            BadSetting: a setting is outside of its bounds.
        """
        if not (0 < hazard < 1 and spread > 0 and threshold > 0 and clip > 0):
            raise BadSetting("Bayesian needs 0 < hazard < 1, and spread, threshold and clip above 0")
        self.hazard, self.spread, self.threshold, self.clip = hazard, spread, threshold, clip
        self._runs: list[tuple[float, Run]] = []
        """Hypotheses of a change: log weight relative to that of no change, and the samples since."""

    @property
    def score(self) -> float:
        return _log_sum([weight for weight, _ in self._runs])

    def update(self, z: float, at: datetime) -> Change | None:
        """See `Detector`."""
        value = clipped(checked(z), self.clip)
        total = _log_sum([0.0, *(weight for weight, _ in self._runs)])
        stay = log1p(-self.hazard)
        nothing = stay - value * value / 2
        # the mean changes with this sample, from any of the hypotheses
        found = [(log(self.hazard) + total + self._predicted(Run(), value) - nothing, Run())]
        found += [(stay + weight + self._predicted(run, value) - nothing, run) for weight, run in self._runs]
        least = max(0.0, *(weight for weight, _ in found)) - _NEGLIGIBLE
        self._runs = [it for it in found if it[0] > least]
        for _, run in self._runs:
            run.add(value, at)
        if self.score <= self.threshold:
            return None
        _, run = max(self._runs, key=lambda it: it[0])
        self.reset()
        return Change(at, run.since or at, "up" if run.total > 0 else "down", run.mean, run.samples, self.name)

    def _predicted(self, run: Run, value: float) -> float:
        """Log density of a sample after those of a run, without the constant of the normal distribution."""
        precision = 1 / self.spread**2 + run.samples
        mean, variance = run.total / precision, 1 + 1 / precision
        return -((value - mean) ** 2) / (2 * variance) - log(variance) / 2

    def state(self) -> Mapping[str, object]:
        """See `Detector`."""
        return {
            "detector": self.name,
            "hazard": self.hazard,
            "spread": self.spread,
            "threshold": self.threshold,
            "clip": self.clip,
            "runs": [{"weight": weight, **run.state()} for weight, run in self._runs],
        }

    @classmethod
    def restored(cls, state: Mapping[str, object]) -> Bayesian:
        """The detector that wrote this state.

        Raises:
            BadState: it is not such a state.
            BadSetting: its settings are outside of their bounds.
        """
        made = cls(*(number(state, name) for name in ("hazard", "spread", "threshold", "clip")))
        runs = state.get("runs")
        if not isinstance(runs, list) or not all(isinstance(it, Mapping) for it in runs):
            raise BadState("`runs` must be a list of objects")
        made._runs = [(number(it, "weight"), Run.restored(it)) for it in runs]
        return made

    def reset(self) -> None:
        """See `Detector`."""
        self._runs = []


def _log_sum(logs: list[float]) -> float:
    """Logarithm of the sum of exponentials."""
    top = max(logs, default=-inf)
    return top if top == -inf else top + log(sum(exp(it - top) for it in logs))
