"""Operating curves of detectors of change: false alarms of histories without a change, and delay after a known one.

A history is 60 jobs for the reference and then seven days, a job every 20 minutes: 504 jobs of 1,000 shots. Its share
of right outcomes is 0.95; each history draws its overdispersion from 1 to 5, as real devices have it, and the monitor
must learn it. In those with a change, the share falls after 100 jobs for the rest.

One pass gives all thresholds of a detector: the score does not depend on the threshold before it is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from random import Random
from statistics import median

from queuebit_drift import QUALITY, Bayesian, Cusum, Detector, Monitor, PageHinkley, Reference, Sample, Stream

__all__ = ["DETECTORS", "JOBS", "Point", "default_setting", "detected", "fallen", "history", "points", "scores"]

JOBS = 504
_CHANGE = 100
_SHARE, _SHOTS = 0.95, 1000
_FALLS = (0.92, 0.90, 0.85)
_ENDLESS = 1e9
_START = datetime(2026, 11, 2, tzinfo=UTC)

DETECTORS: Mapping[str, tuple[Callable[[], Detector], tuple[float, ...]]] = {
    "CUSUM, allowance 0.5": (lambda: Cusum(0.5, _ENDLESS), (5, 8, 10, 12, 15, 20)),
    "CUSUM, allowance 0.25": (lambda: Cusum(0.25, _ENDLESS), (8, 12, 16, 20, 25, 30)),
    "Page-Hinkley, tolerance 0.5": (lambda: PageHinkley(0.5, _ENDLESS), (5, 8, 10, 15, 20, 30)),
    "Bayesian, hazard 1/1,000": (lambda: Bayesian(0.001, 2.0, _ENDLESS), (0.5, 2, 4, 6, 9, 12)),
}
"""How each is made, and the thresholds that are compared."""


@dataclass(frozen=True, slots=True)
class Point:
    """One setting: a detector with a threshold."""

    detector: str
    threshold: float
    false_alarms: int
    """Histories without a change that have an alarm."""
    nulls: int
    delays: tuple[tuple[float, float | None, int, int], ...]
    """By size of the change in standard deviations: the median delay in jobs, how many were not found, and how many
    were looked at; histories with an alarm before the change are not."""


def history(draw: Random, shift: float = 0.0) -> Iterator[Sample]:
    """Samples of a reference circuit; after the change its share is lower by `shift` standard deviations of a job."""
    phi = 5 ** draw.random()
    deviation = sqrt(phi * _SHARE * (1 - _SHARE) / _SHOTS)
    for number in range(60 + JOBS):
        share = _SHARE - (shift * deviation if number >= 60 + _CHANGE else 0.0)
        value = round(min(1.0, max(0.0, draw.gauss(share, deviation))) * _SHOTS) / _SHOTS
        yield Sample(_START + timedelta(minutes=20 * number), value, _SHOTS, "c1", f"j{number}")


def scores(detector: Detector, samples: Sequence[Sample]) -> list[float]:
    """The score after each job that follows the reference."""
    reference, found = Reference.learned(samples[:60], QUALITY), []
    for it in samples[60:]:
        detector.update(reference.standardised(it), it.at)
        found.append(detector.score)
    return found


def points(name: str, nulls: int, changed: int, shifts: Sequence[float] = (1.0, 2.0)) -> list[Point]:
    """The settings of one detector over histories with fixed seeds."""
    made, thresholds = DETECTORS[name]
    highest = [max(scores(made(), [*history(Random(seed))])) for seed in range(nulls)]
    paths = {it: [scores(made(), [*history(Random(10**6 + seed), it)]) for seed in range(changed)] for it in shifts}
    return [
        Point(
            name, threshold, sum(it > threshold for it in highest), nulls,
            tuple((shift, *_delays(paths[shift], threshold)) for shift in shifts),
        )
        for threshold in thresholds
    ]  # fmt: skip


def _delays(paths: Sequence[Sequence[float]], threshold: float) -> tuple[float | None, int, int]:
    quiet = [it for it in paths if max(it[:_CHANGE]) <= threshold]
    found = [next((at for at, it in enumerate(path[_CHANGE:], 1) if it > threshold), None) for path in quiet]
    known = [float("inf") if it is None else it for it in found]
    middle = median(known) if known else float("inf")
    return (None if middle == float("inf") else middle), found.count(None), len(found)


def detected(samples: Sequence[Sample]) -> int | None:
    """The number of the job, from the change on, after which the default setting says that there is drift."""
    monitor = Monitor(Stream("quality", "device"), QUALITY)
    for number, it in enumerate(samples):
        found = monitor.update(it)
        if found and found.drifts:
            return number - 60 - _CHANGE + 1
    return None


def default_setting(
    nulls: int, changed: int, shares: Sequence[float] = (0.92, 0.90, 0.85)
) -> Iterator[tuple[str, str]]:
    """The whole default: reference, overdispersion, CUSUM and the limit of the effect. Rows of what and figure."""
    alarms = sum(detected([*history(Random(seed))]) is not None for seed in range(nulls))
    yield f"7 days without a change, {nulls:,} histories", f"{alarms} false alarms"
    for share in shares:
        found = [detected([*fallen(Random(2 * 10**6 + seed), share)]) for seed in range(changed)]
        known = sorted(it for it in found if it is not None and it > 0)
        middle = f"{median(known):.0f} jobs, 95 % within {known[int(0.95 * len(known))]}" if known else "none"
        yield f"share {_SHARE} falls to {share}, {changed:,} histories", f"{len(known)} found, median {middle}"


def fallen(draw: Random, share: float) -> Iterator[Sample]:
    """A history whose share falls to a given one, whatever its overdispersion."""
    phi = 5 ** draw.random()
    for number in range(60 + JOBS):
        true = share if number >= 60 + _CHANGE else _SHARE
        value = round(min(1.0, max(0.0, draw.gauss(true, sqrt(phi * true * (1 - true) / _SHOTS)))) * _SHOTS) / _SHOTS
        yield Sample(_START + timedelta(minutes=20 * number), value, _SHOTS, "c1", f"j{number}")
