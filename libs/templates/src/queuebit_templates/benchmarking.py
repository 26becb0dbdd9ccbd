"""Randomised benchmarking: the mean error of a Clifford gate, free of errors of preparation and measurement."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.cliffords import cliffords
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.paulis import Gate, statement

__all__ = ["randomised_benchmarking"]


class _Sequences(Parameters):
    n: int = quantity(1, "qubits", "qubits of the Clifford group", ge=1, le=2)
    lengths: tuple[int, ...] = quantity(
        (1, 5, 10, 20, 40, 80), "Clifford gates", "lengths of the sequences", min_length=2, max_length=30
    )
    samples: int = quantity(8, "sequences", "random sequences of each length", ge=1, le=100)
    shots: int = quantity(500, "shots", "of each sequence", ge=1, le=10**6)
    seed: int = quantity(1, "", "of the random sequences", ge=0)

    @model_validator(mode="after")
    def _are_lengths(self) -> Self:
        if min(self.lengths) < 1 or max(self.lengths) > 500 or len(set(self.lengths)) < len(self.lengths):
            raise ValueError("lengths must be different numbers from 1 to 500")
        return self


def _sequences(given: _Sequences) -> list[list[tuple[Gate, ...]]]:
    """The Clifford gates of each circuit, with the one that undoes them at the end."""
    group, draw = cliffords(given.n), Random(given.seed)
    found = []
    for length in given.lengths:
        for _ in range(given.samples):
            drawn = [group.drawn(draw) for _ in range(length)]
            found.append([*drawn, group.undo([gate for it in drawn for gate in it])])
    return found


def _program(given: _Sequences) -> Program:
    items = []
    for sequence in _sequences(given):
        body = []
        for clifford in sequence:
            body += [*map(statement, clifford), "barrier q;"]
        items.append(Item(openqasm(given.n, body)))
    return Program(tuple(items), given.shots)


def _reading(given: _Sequences, results: Sequence[Measured]) -> Reading:
    survived = [it.share("0" * given.n) for it in results]
    grouped = [survived[at : at + given.samples] for at in range(0, len(survived), given.samples)]
    means = [sum(it) / len(it) for it in grouped]
    size = 2**given.n
    decay = _decay(given.lengths, means, 1 / size)
    error = (1 - decay) * (size - 1) / size
    rows = [
        {"length": length, "survival": mean, "spread": _spread(it)}
        for length, mean, it in zip(given.lengths, means, grouped, strict=True)
    ]
    gates = [sum(gate.name == "cx" for it in sequence for gate in it) / len(sequence) for sequence in _sequences(given)]
    return Reading(
        f"The mean error of a Clifford gate on {given.n} {'qubit' if given.n == 1 else 'qubits'} is {error:.3g} "
        f"(decay {decay:.6g} a gate).",
        {"error_per_clifford": error, "decay": decay, "cx_per_clifford": sum(gates) / len(gates), "survival": rows},
    )


def _spread(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sqrt(sum((it - mean) ** 2 for it in values) / len(values))


def _decay(lengths: Sequence[int], means: Sequence[float], floor: float) -> float:
    """The p of the least squares fit of A p^m + floor, from 0 to 1, with A in closed form for each p."""

    def misfit(decay: float) -> float:
        powers = [decay**it for it in lengths]
        above = [it - floor for it in means]
        scale = sum(one * other for one, other in zip(powers, above, strict=True)) / sum(it**2 for it in powers)
        return sum((scale * one - other) ** 2 for one, other in zip(powers, above, strict=True))

    best, width = 1.0, 0.5
    for _ in range(40):
        tried = [min(1.0, max(1e-6, best + width * it / 10)) for it in range(-10, 11)]
        best = min(tried, key=lambda it: (misfit(it), -it))
        width /= 3
    return best


randomised_benchmarking = Template(
    name="randomised-benchmarking",
    summary="the mean error of a Clifford gate on one or two qubits",
    parameters=_Sequences,
    steps=one_job(_program, _reading),
    values={
        "error_per_clifford": "mean infidelity of a Clifford gate, from 0 to 1: (1 - decay) (1 - 2^-n)",
        "decay": "the p of the fit A p^length + 2^-n, from 0 to 1",
        "cx_per_clifford": "mean number of CX gates in a Clifford gate, before the backend compiles it",
        "survival": "mean share of shots that return to 0, and its spread over sequences, by length",
    },
    source="Magesan, Gambetta and Emerson 2011, arXiv:1009.3639",
    example={"n": 2, "lengths": [1, 2, 4, 8, 16]},
)
