"""Magnetisation of an Ising chain over time, from Trotter steps. `python -m examples.qiskit.trotter`."""

import numpy as np

from qiskit import QuantumCircuit
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.synthesis import SuzukiTrotter
from queuebit_qiskit import EstimatorV2, QueuebitService

SPINS = 4


def evolved(hamiltonian: SparsePauliOp, steps: int) -> QuantumCircuit:
    """The state 0101 after this many second-order steps of 0.2."""
    circuit = QuantumCircuit(SPINS)
    circuit.x([0, 2])
    for _ in range(steps):
        circuit.append(PauliEvolutionGate(hamiltonian, time=0.2, synthesis=SuzukiTrotter(order=2)), range(SPINS))
    return circuit


def main(backend_name: str = "aer", steps: int = 6) -> float:
    """Return the largest deviation of the estimates from the exact evolution of the same steps."""
    bonds = [("ZZ", [spin, spin + 1], -1.0) for spin in range(SPINS - 1)]
    fields = [("X", [spin], -0.8) for spin in range(SPINS)]
    hamiltonian = SparsePauliOp.from_sparse_list([*bonds, *fields], num_qubits=SPINS)
    staggered = SparsePauliOp.from_sparse_list([("Z", [spin], (-1) ** spin / SPINS) for spin in range(SPINS)], SPINS)
    circuits = [evolved(hamiltonian, number) for number in range(steps)]
    with QueuebitService() as service:
        estimator = EstimatorV2(service.backend(backend_name), {"seed": 1})
        result = estimator.run([(circuit, staggered) for circuit in circuits], precision=0.03).result()
    values = np.array([float(it.data.evs) for it in result])
    exact = np.array([Statevector(circuit.decompose()).expectation_value(staggered).real for circuit in circuits])
    print("staggered magnetisation:", ", ".join(f"{value:+.2f}" for value in values))
    return float(np.abs(values - exact).max())


if __name__ == "__main__":
    main()
