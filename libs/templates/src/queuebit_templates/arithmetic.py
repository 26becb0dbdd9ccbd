"""Algorithms on the Fourier transform: an adder, and phase estimation."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import angle, fourier, openqasm
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity

__all__ = ["phase_estimation", "qft"]


class _Sum(Parameters):
    n: int = quantity(4, "qubits", "size of the register; sums are modulo 2^n", ge=1, le=20)
    x: int = quantity(5, "", "the number that is prepared", ge=0)
    shift: int = quantity(3, "", "the number that is added between the transform and its inverse", ge=0)
    shots: int = quantity(1000, "shots", "how often the circuit runs", ge=1, le=10**6)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if max(self.x, self.shift) >= 2**self.n:
            raise ValueError(f"x and shift must be below 2^n = {2**self.n:,}: give a larger n")
        return self


def _sum_program(given: _Sum) -> Program:
    qubits = range(given.n)
    prepared = [f"x q[{it}];" for it in qubits if given.x >> it & 1]
    turned = [f"p({angle(2 * pi * (given.shift * 2**it % 2**given.n) / 2**given.n)}) q[{it}];" for it in qubits]
    body = [*prepared, *fourier(qubits), *turned, *fourier(qubits, inverse=True)]
    return Program((Item(openqasm(given.n, body)),), given.shots)


def _sum_reading(given: _Sum, results: Sequence[Measured]) -> Reading:
    (measured,) = results
    expected = (given.x + given.shift) % 2**given.n
    success = measured.share(f"{expected:0{given.n}b}")
    found = int(max(measured.counts, key=lambda it: (measured.counts[it], it)), 2)
    return Reading(
        f"{given.x} + {given.shift} modulo {2**given.n} was {found} most often; the right sum, {expected}, in "
        f"{success:.1%} of the shots.",
        {"sum": found, "expected": expected, "success": success},
    )


qft = Template(
    name="qft",
    summary="the Fourier transform: adds two numbers by phases",
    parameters=_Sum,
    steps=one_job(_sum_program, _sum_reading),
    values={
        "sum": "the most frequent outcome",
        "expected": "(x + shift) modulo 2^n",
        "success": "share of shots with the expected sum, from 0 to 1; 1 without noise",
    },
    source="Draper 2000, Addition on a quantum computer, quant-ph/0008033",
    example={"n": 5, "x": 21, "shift": 13},
)


class _Phase(Parameters):
    phase: float = quantity(0.3, "turns", "the phase of the eigenvalue exp(2 pi i phase)", ge=0, lt=1)
    n: int = quantity(5, "qubits", "counting qubits: the result has n binary digits", ge=1, le=16)
    shots: int = quantity(1000, "shots", "how often the circuit runs", ge=1, le=10**6)


def _phase_program(given: _Phase) -> Program:
    counting = range(given.n)
    body = [f"x q[{given.n}];", *(f"h q[{it}];" for it in counting)]
    body += [f"cp({angle(2 * pi * (given.phase * 2**it % 1))}) q[{it}], q[{given.n}];" for it in counting]
    body += fourier(counting, inverse=True)
    return Program((Item(openqasm(given.n + 1, body, measured=counting)),), given.shots)


def _phase_reading(given: _Phase, results: Sequence[Measured]) -> Reading:
    (measured,) = results
    size = 2**given.n
    best = int(max(measured.counts, key=lambda it: (measured.counts[it], it)), 2)
    errors = {bits: _distance(int(bits, 2) / size, given.phase) for bits in measured.counts}
    near = sum(count for bits, count in measured.counts.items() if errors[bits] < 1 / size)
    error = _distance(best / size, given.phase)
    return Reading(
        f"The estimate of the phase {given.phase:g} is {best / size:g} turns (error {error:.2g}); "
        f"{near / measured.shots:.1%} of the shots are within one step of {1 / size:g} turns.",
        {"estimate": best / size, "error": error, "resolution": 1 / size, "within_one_step": near / measured.shots},
    )


def _distance(one: float, other: float) -> float:
    """Of two phases on the circle, in turns."""
    apart = abs(one - other) % 1
    return min(apart, 1 - apart)


phase_estimation = Template(
    name="phase-estimation",
    summary="the phase of an eigenvalue, to n binary digits",
    parameters=_Phase,
    steps=one_job(_phase_program, _phase_reading),
    values={
        "estimate": "the most frequent outcome, in turns",
        "error": "its distance from the true phase on the circle, in turns",
        "resolution": "one step of the result, 2^-n turns",
        "within_one_step": "share of shots less than one step from the true phase; at least 0.81 without noise",
    },
    source="Nielsen and Chuang, Quantum Computation and Quantum Information, section 5.2",
    example={"phase": 0.15625, "n": 5},
)
