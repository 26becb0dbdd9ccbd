"""How close two distributions of outcomes are, and what the ideal one is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from queuebit_quantum.backends import result_keys
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.physical import without_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["hellinger_fidelity", "ideal_distribution", "total_variation"]

_MAX_QUBITS = 20
_NEGLIGIBLE = 1e-12
"""Probabilities below this are rounding, not outcomes."""


def hellinger_fidelity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return (sum over outcomes of sqrt(p * q))^2, from 0 (nothing in common) to 1 (equal).

    Both arguments are counts or probabilities by bit string; each is normalised by its own total. This is
    (1 - H^2)^2 with H the Hellinger distance (Hellinger 1909): the square of the classical fidelity of Nielsen and
    Chuang, "Quantum Computation and Quantum Information", section 9.1. Qiskit's function of this name agrees.

    Raises:
        ValueError: one of them is empty or sums to nothing.
    """
    p, q = _normalised(first), _normalised(second)
    overlap = math.fsum(math.sqrt(p[outcome] * q[outcome]) for outcome in p.keys() & q.keys())
    return min(1.0, overlap**2)


def total_variation(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return half the sum over outcomes of |p - q|, from 0 (equal) to 1 (nothing in common).

    Arguments as for `hellinger_fidelity` (Nielsen and Chuang, section 9.1, there the trace distance).
    """
    p, q = _normalised(first), _normalised(second)
    return math.fsum(abs(p.get(outcome, 0.0) - q.get(outcome, 0.0)) for outcome in p.keys() | q.keys()) / 2


def ideal_distribution(circuit: Circuit) -> dict[str, float]:
    """Return the exact probability of each outcome, written as in a result's counts.

    From the statevector, so for circuits that act on at most 20 qubits and measure only at their end.

    Raises:
        DoesNotFit: the circuit is larger, or dynamic.
    """
    if len(circuit.touched) > _MAX_QUBITS:
        raise DoesNotFit(f"an exact distribution needs at most {_MAX_QUBITS} qubits, not {len(circuit.touched)}")
    if circuit.features:
        raise DoesNotFit(f"a circuit with {', '.join(sorted(circuit.features))} has no single final state to read")
    probabilities, clbits = _measured_probabilities(circuit)
    outcomes = {
        sum((index >> place & 1) << clbit for place, clbit in enumerate(clbits)): float(probability)
        for index, probability in enumerate(probabilities)
        if probability > _NEGLIGIBLE
    }
    return result_keys(outcomes, circuit.registers)


def _measured_probabilities(circuit: Circuit) -> tuple[NDArray[np.float64], list[int]]:
    """Return probabilities over the measured qubits, first one as lowest bit, and the classical bits they go to."""
    from qiskit.quantum_info import Statevector
    from qiskit_aer import AerSimulator

    from queuebit_quantum.aer import compile_for_aer

    source = without_time(circuit.quantum_circuit)
    unitary = source.copy_empty_like()
    reads: dict[int, int] = {}
    for instruction in source.data:
        if instruction.operation.name == "measure":
            reads[source.find_bit(instruction.clbits[0]).index] = source.find_bit(instruction.qubits[0]).index
        else:
            unitary.append(instruction)
    program = compile_for_aer(unitary, "statevector")
    program.save_statevector()
    state = Statevector(AerSimulator(method="statevector").run(program).result().get_statevector())
    return state.probabilities(list(reads.values())), list(reads)


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    total = math.fsum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("a distribution needs at least one outcome, and none may count less than nothing")
    return {outcome: weight / total for outcome, weight in weights.items()}
