"""A circuit's workload for a simulator: its operations, counted for the forecasts of `queuebit_planning.timing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuebit_planning import timing
from queuebit_planning.timing import Method, Workload
from queuebit_quantum.physical import gate_steps

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["cirq_method", "ideal_methods", "noisy_methods", "workload"]


def workload(program: QuantumCircuit, *, clifford: bool = False, dynamic: bool) -> Workload:
    """Count a circuit's operations, those in blocks included."""
    n = program.num_qubits
    steps = [(operation.name, on) for operation, on in gate_steps(program, range(n))]
    return Workload(n, program.num_clbits, steps, clifford, dynamic)


def ideal_methods(program: QuantumCircuit, *, clifford: bool, dynamic: bool) -> tuple[Method, ...]:
    """Estimate Aer's exact methods."""
    return timing.ideal_methods(workload(program, clifford=clifford, dynamic=dynamic))


def cirq_method(program: QuantumCircuit, *, dynamic: bool) -> Method:
    """Estimate Cirq's state vector."""
    return timing.statevector(workload(program, dynamic=dynamic), timing.CIRQ)


def noisy_methods(program: QuantumCircuit, *, dynamic: bool) -> tuple[Method, ...]:
    """Estimate Aer's methods for a circuit with noise."""
    return timing.noisy_methods(workload(program, dynamic=dynamic))
