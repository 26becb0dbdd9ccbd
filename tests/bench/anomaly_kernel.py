"""The quantum kernel of the template `anomaly-kernel` beside classical scores, on the same windows of histories.

A window is eight jobs of a history of `operating`, standardised by its reference of 60 jobs. Its features are the mean
and the deviation of the samples, one qubit each. Half of the windows follow a change of one standard deviation. Scores
are compared by the area under the receiver operating curve: the probability that a window after the change scores
higher.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, pi
from random import Random
from statistics import fmean, median, pstdev
from typing import Any

import numpy as np
from tests.bench.operating import history

from queuebit_drift import QUALITY, Reference
from queuebit_templates import Measured, Template, find, validated

__all__ = ["METHODS", "area", "circuits", "compared", "kernel"]

SHOTS = 1000
_WINDOW, _KNOWN = 8, 20
_Point = tuple[float, ...]


def _windows(draw: Random, shift: float) -> list[_Point]:
    """Mean and deviation of each window after the reference, in radians; the mean of the reference is at pi / 4."""
    samples = [*history(draw, shift)]
    reference = Reference.learned(samples[:60], QUALITY)
    z = [max(-3.0, min(3.0, reference.standardised(it))) for it in samples[60:]]
    parts = [z[at : at + _WINDOW] for at in range(0, len(z) - _WINDOW + 1, _WINDOW)]
    return [(pi / 4 + fmean(it) * pi / 12, pstdev(it) * pi / 12) for it in parts]


def kernel(one: _Point, other: _Point, layers: int = 2) -> float:
    """The squared overlap of two points of two features, exactly: what the template's circuit measures."""
    return float(abs(np.vdot(_state(one, layers), _state(other, layers))) ** 2)


def _state(point: _Point, layers: int) -> np.ndarray[Any, Any]:
    first, second = point
    both = 2 * (pi - first) * (pi - second)
    phases = np.exp(1j * np.array([0, 2 * first + both, 2 * second + both, 2 * first + 2 * second]))
    hadamard = np.array([[1, 1], [1, -1]]) / 2**0.5
    state = np.array([1, 0, 0, 0], dtype=complex)
    for _ in range(layers):
        state = phases * (np.kron(hadamard, hadamard) @ state)
    return state


def _quantum(reference: Sequence[_Point], points: Sequence[_Point], draw: np.random.Generator) -> list[float]:
    """The template's own reading, of counts that are drawn from the exact kernel."""
    template: Template[Any] = find("anomaly-kernel")  # of its own parameters
    given = validated(template, {"reference": reference, "points": points, "shots": SHOTS})
    steps = template.steps(given)
    program = next(steps)
    results = []
    for item in program.items:
        values = item.parameters
        zeros = int(draw.binomial(SHOTS, kernel((values["a0"], values["a1"]), (values["b0"], values["b1"]))))
        results.append(Measured({"00": zeros, "01": SHOTS - zeros}))
    try:
        steps.send(results)
    except StopIteration as end:
        scores: list[float] = end.value.values["scores"]
        return scores
    raise AssertionError("the template has one job")


def _gaussian(reference: Sequence[_Point], points: Sequence[_Point], _: np.random.Generator) -> list[float]:
    """The same one-class score with a Gaussian kernel, whose width is the median distance within the reference."""
    pairs = [(one, other) for at, one in enumerate(reference) for other in reference[at + 1 :]]
    width = median(_square(*it) for it in pairs)
    return [1 - fmean(exp(-_square(it, other) / width) for other in reference) for it in points]


def _mean(reference: Sequence[_Point], points: Sequence[_Point], _: np.random.Generator) -> list[float]:
    """How far the mean of a window is from that of the reference: what a chart of means looks at."""
    centre = fmean(it[0] for it in reference)
    return [abs(it[0] - centre) for it in points]


def _square(one: _Point, other: _Point) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


METHODS: dict[str, Callable[[Sequence[_Point], Sequence[_Point], np.random.Generator], list[float]]] = {
    "quantum kernel": _quantum,
    "Gaussian kernel": _gaussian,
    "mean of the window": _mean,
}
"""Scores of points against a reference: higher is less alike."""


def circuits(points: int) -> int:
    """Circuits that the quantum kernel needs for a reference of 20 windows."""
    return _KNOWN * (_KNOWN - 1) // 2 + points * _KNOWN


def area(quiet: Sequence[float], changed: Sequence[float]) -> float:
    """The probability that a score after the change is higher than one before it; equal ones count half."""
    higher = sum((one < other) + (one == other) / 2 for one in quiet for other in changed)
    return higher / (len(quiet) * len(changed))


def compared(histories: int, shift: float = 1.0) -> dict[str, float]:
    """The mean area of each method over histories with fixed seeds."""
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(histories):
        quiet, changed = _windows(Random(seed), 0.0), _windows(Random(seed), shift)[-15:]
        reference, tested = quiet[:_KNOWN], quiet[_KNOWN : _KNOWN + 15]
        for name, score in METHODS.items():
            draw = np.random.default_rng(seed)
            scores = score(reference, [*tested, *changed], draw)
            found[name].append(area(scores[:15], scores[15:]))
    return {name: fmean(it) for name, it in found.items()}
