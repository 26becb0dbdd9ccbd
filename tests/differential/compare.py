"""One program, through Queuebit's parser and through independent interpreters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.differential import braket_programs, openqasm2, openqasm3, qiskit_circuits
from tests.differential.branches import Outcomes, difference
from tests.differential.programs import Program

from queuebit_quantum import CircuitError, parse

__all__ = ["TOLERANCE", "Mismatch", "Refused", "distribution", "judge", "ours", "reference"]

TOLERANCE = 1e-7
"""Entries of density matrices may differ by rounding: powers and decompositions go through eigenvalues."""


class Mismatch(AssertionError):
    """Two readings of one program disagree."""


@dataclass(frozen=True)
class Refused:
    """Queuebit has no circuit for the program, and says why."""

    code: str
    message: str


def judge(program: Program) -> Refused | None:
    """Compare Queuebit's reading of a program with the others.

    Raises:
        Mismatch: they differ by more than rounding.
    """
    right = reference(program.source)
    if program.for_braket:
        _require(program, "Braket", braket_programs.outcomes(program.source), "the specification", right)
    try:
        found = ours(program.source)
    except CircuitError as refusal:
        return Refused(refusal.code, refusal.message)
    _require(program, "Queuebit", found, "the specification", right)
    return None


def ours(source: str) -> Outcomes:
    """Return what the circuit that Queuebit makes of a source leaves behind."""
    circuit = parse(source)
    return qiskit_circuits.outcomes(circuit.quantum_circuit, circuit.registers)


def reference(source: str) -> Outcomes:
    """Return what a source leaves behind by our interpreter of its language."""
    return openqasm2.outcomes(source) if source.startswith("OPENQASM 2") else openqasm3.outcomes(source)


def distribution(outcomes: Outcomes) -> dict[str, float]:
    """Return the probability of each reading of the classical bits."""
    return {reading: round(float(np.trace(density).real), 9) for reading, density in sorted(outcomes.items())}


def _require(program: Program, name: str, found: Outcomes, other: str, right: Outcomes) -> None:
    apart = difference(found, right)
    if apart > TOLERANCE:
        raise Mismatch(
            f"\n{program.source}\n{name}: {distribution(found)}\n{other}: {distribution(right)}\n"
            f"largest difference of the states: {apart:.2g}"
        )
