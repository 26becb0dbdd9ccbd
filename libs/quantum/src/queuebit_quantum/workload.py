"""Counts the operations of a circuit, for the forecasts of `queuebit_planning.timing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuebit_planning import timing
from queuebit_planning.timing import Method, Workload
from queuebit_quantum.physical import named_steps

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["cirq_method", "ideal_methods", "noisy_methods", "workload"]


def workload(program: QuantumCircuit, *, clifford: bool = False, dynamic: bool) -> Workload:
    """Count the operations of a circuit, also inside blocks."""
    n = program.num_qubits
    steps = [*named_steps(program, range(n))]
    return Workload(n, program.num_clbits, steps, clifford, dynamic)


def ideal_methods(program: QuantumCircuit, *, clifford: bool, dynamic: bool) -> tuple[Method, ...]:
    """Return Aer's exact methods with time and memory estimates."""
    return timing.ideal_methods(workload(program, clifford=clifford, dynamic=dynamic))


def cirq_method(program: QuantumCircuit, *, dynamic: bool) -> Method:
    """Return Cirq's state vector method with time and memory estimates."""
    return timing.statevector(workload(program, dynamic=dynamic), timing.CIRQ)


def noisy_methods(program: QuantumCircuit, *, dynamic: bool) -> tuple[Method, ...]:
    """Return Aer's methods for a circuit with noise, with time and memory estimates."""
    return timing.noisy_methods(workload(program, dynamic=dynamic))
