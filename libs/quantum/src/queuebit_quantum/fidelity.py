"""Compares distributions of outcomes, and computes the ideal one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from queuebit_quantum.backends import result_keys
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.physical import remove_delays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["hellinger_fidelity", "ideal_distribution", "total_variation"]

_MAX_QUBITS = 20
_NEGLIGIBLE = 1e-12
"""Probabilities below this are rounding errors, not outcomes."""


def hellinger_fidelity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return (sum over outcomes of sqrt(p * q))^2, from 0 (nothing in common) to 1 (equal).

    Both arguments are counts or probabilities by bit string; each is divided by its own total. This is
    (1 - H^2)^2 with H the Hellinger distance (Hellinger 1909): the square of the classical fidelity of Nielsen and
    Chuang, "Quantum Computation and Quantum Information", section 9.1. Qiskit's function of this name agrees.

    Raises:
        ValueError: an argument is empty, has a negative value or sums to 0.
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
    """Return the exact probability of each outcome, by the bit strings of a result's counts.

    Computed from the state vector: for circuits that use at most 20 qubits and measure only at the end.

    Raises:
        DoesNotFit: the circuit uses more qubits, or is dynamic.
    """
    if len(circuit.touched) > _MAX_QUBITS:
        raise DoesNotFit(f"an exact distribution needs at most {_MAX_QUBITS} qubits, not {len(circuit.touched)}")
    if circuit.dynamic:
        raise DoesNotFit(f"a circuit with {', '.join(sorted(circuit.features))} has no single final state to read")
    probabilities, clbits = _measured_probabilities(circuit)
    outcomes = {
        sum((index >> place & 1) << clbit for place, clbit in enumerate(clbits)): float(probability)
        for index, probability in enumerate(probabilities)
        if probability > _NEGLIGIBLE
    }
    return result_keys(outcomes, circuit.registers)


def _measured_probabilities(circuit: Circuit) -> tuple[NDArray[np.float64], list[int]]:
    """Return probabilities over the measured qubits, the first as lowest bit, and the classical bit of each qubit."""
    from qiskit.quantum_info import Statevector
    from qiskit_aer import AerSimulator

    from queuebit_quantum.aer import compile_for_aer

    source = remove_delays(circuit.quantum_circuit)
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
        raise ValueError("a distribution needs at least one outcome with a count above 0, and no negative count")
    return {outcome: weight / total for outcome, weight in weights.items()}
