"""What a stream was like when nothing changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from queuebit_drift.noise import least_infidelity, overdispersion, robust, shot_variance
from queuebit_drift.runs import number
from queuebit_drift.samples import Sample, Watching
from queuebit_drift.seasons import NO_SEASON, Season

__all__ = ["Reference"]

_FLOOR = 0.02
"""The least standard deviation of a logarithm: values that were equal by chance would make any change significant."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a stream was like when nothing changed."""

    centre: float
    scale: float
    """Standard deviation of a sample; 0 for shares, whose deviation depends on their shots."""
    phi: float
    """Overdispersion of shares; 1 for logarithms."""
    samples: int
    shots: int
    season: Season = NO_SEASON

    @classmethod
    def learned(cls, samples: Sequence[Sample], watching: Watching) -> Reference:
        """The reference of a history."""
        season = Season.learned([(it.at, it.value) for it in samples]) if watching.seasonal else NO_SEASON
        values = [it.value - season.at(it.at) for it in samples]
        centre, scale = robust(values)
        shots = sum(it.shots for it in samples)
        if watching.scale == "log":
            return cls(centre, max(scale, _FLOOR), 1.0, len(samples), shots, season)
        phi = overdispersion(values, [shot_variance(centre, it.shots) for it in samples])
        return cls(centre, 0.0, phi, len(samples), shots, season)

    def standardised(self, sample: Sample) -> float:
        """The sample in standard deviations from the centre."""
        deviation = self.scale or sqrt(self.phi * shot_variance(self.centre, sample.shots))
        return (sample.value - self.season.at(sample.at) - self.centre) / deviation

    def shift(self, shifted: Sequence[Sample]) -> tuple[float, float]:
        """The mean of samples after a change, and a lower bound (95 %) of its distance to the reference.

        The distance of shares is a Hellinger infidelity; that of logarithms is their difference.
        """
        values = [it.value - self.season.at(it.at) for it in shifted]
        if not self.scale:
            shots = sum(it.shots for it in shifted)
            after = sum(it * sample.shots for it, sample in zip(values, shifted, strict=True)) / max(shots, 1)
            return after, least_infidelity((after, shots), (self.centre, self.shots), self.phi)
        after, _ = robust(values)
        error = self.scale * sqrt(1 / max(len(values), 1) + 1 / max(self.samples, 1))
        return after, max(0.0, abs(after - self.centre) - 1.645 * error)

    def state(self) -> dict[str, object]:
        """The reference as plain JSON."""
        numbers = {name: getattr(self, name) for name in ("centre", "scale", "phi", "samples", "shots")}
        return {**numbers, "season": self.season.state()}

    @classmethod
    def restored(cls, state: Mapping[str, object]) -> Reference:
        """The reference that `state` wrote.

        Raises:
            BadState: it is not such a state.
        """
        centre, scale, phi = (number(state, name) for name in ("centre", "scale", "phi"))
        samples, shots = int(number(state, "samples")), int(number(state, "shots"))
        return cls(centre, scale, phi, samples, shots, Season.restored(state.get("season")))
