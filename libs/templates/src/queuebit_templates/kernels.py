"""A quantum kernel, and how well it separates two classes."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sqrt
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["feature_map", "kernel"]


class _Data(Parameters):
    points: tuple[tuple[float, ...], ...] = quantity(
        ((0.2, 0.4), (0.4, 0.3), (0.3, 0.6), (0.5, 0.5), (1.6, 1.8), (1.8, 1.5), (1.5, 1.6), (1.9, 1.9)),
        "radians",
        "features of each point, one qubit each",
        min_length=2,
        max_length=60,
    )
    labels: tuple[int, ...] = quantity((-1, -1, -1, -1, 1, 1, 1, 1), "", "the class of each point, -1 or 1")
    layers: int = quantity(2, "layers", "repetitions of the feature map", ge=1, le=5)
    shots: int = quantity(1000, "shots", "of each pair of points", ge=1, le=10**6)

    @model_validator(mode="after")
    def _is_a_data_set(self) -> Self:
        if len({len(it) for it in self.points}) > 1 or not 1 <= len(self.points[0]) <= 10:
            raise ValueError("each point must have the same number of features, 1 to 10")
        if len(self.labels) != len(self.points) or not set(self.labels) <= {-1, 1}:
            raise ValueError(f"labels must be {len(self.points)} numbers, -1 or 1, one for each point")
        return self

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(len(self.points)) for j in range(i + 1, len(self.points))]


def feature_map(features: Sequence[str], layers: int, *, inverse: bool) -> list[str]:
    """Statements of the feature map with ZZ couplings, of Havlíček et al. 2019; features are names of inputs."""
    sign, qubits = "-" if inverse else "", range(len(features))
    layer = [f"p({sign}2 * {it}) q[{at}];" for at, it in enumerate(features)]
    for one in qubits:
        for other in qubits[one + 1 :]:
            turn = f"p({sign}2 * ({pi!r} - {features[one]}) * ({pi!r} - {features[other]})) q[{other}];"
            layer += [f"cx q[{one}], q[{other}];", turn, f"cx q[{one}], q[{other}];"]
    once = [*(f"h q[{it}];" for it in qubits), *layer]
    return (once * layers)[::-1] if inverse else once * layers


def _program(given: _Data) -> Program:
    """One circuit: the map of one point, then the inverse of the other's; the kernel is the share of zeros."""
    size = len(given.points[0])
    one, other = [f"a{it}" for it in range(size)], [f"b{it}" for it in range(size)]
    body = [*feature_map(one, given.layers, inverse=False), *feature_map(other, given.layers, inverse=True)]
    source = openqasm(size, body, inputs=[*one, *other])
    items = []
    for i, j in given.pairs:
        values = dict(zip(one, given.points[i], strict=True)) | dict(zip(other, given.points[j], strict=True))
        items.append(Item(source, values))
    return Program(tuple(items), given.shots)


def _reading(given: _Data, results: Sequence[Measured]) -> Reading:
    count, zeros = len(given.points), "0" * len(given.points[0])
    matrix = [[1.0] * count for _ in range(count)]
    for (i, j), it in zip(given.pairs, results, strict=True):
        matrix[i][j] = matrix[j][i] = it.share(zeros)
    right = sum(_class_without(matrix, given.labels, it) == given.labels[it] for it in range(count))
    along = sum(matrix[i][j] * given.labels[i] * given.labels[j] for i in range(count) for j in range(count))
    alignment = along / (count * sqrt(sum(it**2 for row in matrix for it in row)))
    return Reading(
        f"The alignment of the kernel with the labels is {alignment:.3f}; {right} of {count} points are nearer to "
        "their own class, each without itself.",
        {"kernel": matrix, "alignment": alignment, "accuracy": right / count},
    )


def _class_without(matrix: Sequence[Sequence[float]], labels: Sequence[int], point: int) -> int:
    """The class of the nearest mean in the feature space, where the means do not count the point itself."""
    distances = {}
    for label in (-1, 1):
        members = [it for it, of in enumerate(labels) if of == label and it != point]
        if members:
            inner = sum(matrix[i][j] for i in members for j in members) / len(members) ** 2
            distances[label] = inner - 2 * sum(matrix[point][i] for i in members) / len(members)
    return min(distances, key=lambda it: (distances[it], it))


kernel = Template(
    name="quantum-kernel",
    summary="a kernel matrix of data points, and how it separates two classes",
    parameters=_Data,
    steps=one_job(_program, _reading),
    values={
        "kernel": "squared overlap of the states of each two points, from 0 to 1",
        "alignment": "of the kernel with the labels, from -1 to 1 (Cristianini et al. 2001)",
        "accuracy": "share of points that are nearest to the mean of their own class, each left out of the means",
    },
    source="Havlíček et al. 2019, Supervised learning with quantum-enhanced feature spaces, arXiv:1804.11326",
    example={"points": [[0.1], [0.2], [1.4], [1.5]], "labels": [-1, -1, 1, 1]},
)
