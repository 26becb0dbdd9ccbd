"""A quantum kernel that says which points are unlike a reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.kernels import feature_map

__all__ = ["anomalies"]

_Point = tuple[float, ...]


class _Points(Parameters):
    reference: tuple[_Point, ...] = quantity(
        ((0.75, 0.80), (0.80, 0.75), (0.85, 0.80), (0.80, 0.85), (0.78, 0.78), (0.82, 0.83)),
        "radians",
        "features of points without anomalies, one qubit each",
        min_length=3,
        max_length=40,
    )
    points: tuple[_Point, ...] = quantity(
        ((0.80, 0.80), (1.50, 0.30)), "radians", "points to judge", min_length=1, max_length=100
    )
    layers: int = quantity(2, "layers", "repetitions of the feature map", ge=1, le=5)
    allowed: float = quantity(0.05, "", "share of the reference that may be called an anomaly", ge=0, lt=1)
    shots: int = quantity(1000, "shots", "of each pair of points", ge=1, le=10**6)

    @model_validator(mode="after")
    def _are_alike(self) -> Self:
        sizes = {len(it) for it in (*self.reference, *self.points)}
        if len(sizes) > 1 or not 1 <= min(sizes) <= 10:
            raise ValueError("each point must have the same number of features, 1 to 10")
        return self

    @property
    def pairs(self) -> list[tuple[_Point, _Point]]:
        """Within the reference, each pair once; then each point with each of the reference."""
        within = [(one, other) for at, one in enumerate(self.reference) for other in self.reference[at + 1 :]]
        return within + [(point, other) for point in self.points for other in self.reference]


def _program(given: _Points) -> Program:
    """One circuit: the map of one point, then the inverse of the other's; the kernel is the share of zeros."""
    size = len(given.reference[0])
    one, other = [f"a{it}" for it in range(size)], [f"b{it}" for it in range(size)]
    body = [*feature_map(one, given.layers, inverse=False), *feature_map(other, given.layers, inverse=True)]
    source = openqasm(size, body, inputs=[*one, *other])
    items = [Item(source, dict(zip((*one, *other), (*left, *right), strict=True))) for left, right in given.pairs]
    return Program(tuple(items), given.shots)


def _reading(given: _Points, results: Sequence[Measured]) -> Reading:
    kernels = [it.share("0" * len(given.reference[0])) for it in results]
    known = len(given.reference)
    inner = [0.0] * known
    within = iter(kernels)
    for one in range(known):
        for other in range(one + 1, known):
            value = next(within)
            inner[one] += value / (known - 1)
            inner[other] += value / (known - 1)
    rest = [*within]
    scores = [1 - sum(rest[at * known : (at + 1) * known]) / known for at in range(len(given.points))]
    usual = sorted(1 - it for it in inner)
    threshold = usual[min(known - 1, int((1 - given.allowed) * known))]
    found = [at for at, score in enumerate(scores) if score > threshold]
    return Reading(
        f"{len(found)} of {len(given.points)} points are less like the reference than its own points are to each other "
        f"(score above {threshold:.3f}).",
        {"scores": scores, "threshold": threshold, "anomalies": found, "reference": [1 - it for it in inner]},
    )


anomalies = Template(
    name="anomaly-kernel",
    summary="points that are unlike a reference, by a quantum kernel",
    parameters=_Points,
    steps=one_job(_program, _reading),
    values={
        "scores": "of each point: 1 minus the mean squared overlap with the reference, from 0 to 1",
        "threshold": "a quantile of the scores of the reference, each against the others",
        "anomalies": "numbers of the points whose score is above the threshold, from 0",
        "reference": "scores of the points of the reference, each against the others",
    },
    source="kernel: Havlíček et al. 2019, arXiv:1804.11326; one-class score: the mean kernel (Parzen window) of 1962",
    example={"reference": [[0.1], [0.2], [0.15]], "points": [[0.12], [1.5]]},
)
