"""The CHSH inequality on an emulated device, against the angle of one detector. `python -m examples.qiskit.chsh`."""

import numpy as np

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from queuebit_qiskit import EstimatorV2, QueuebitService

CHSH = [
    SparsePauliOp(["ZZ", "ZX", "XZ", "XX"], [1, -1, 1, 1]),
    SparsePauliOp(["ZZ", "ZX", "XZ", "XX"], [1, 1, -1, 1]),
]


def main(backend_name: str = "emulated-ibm-manila", angles: int = 9) -> float:
    """Return the largest absolute value of either witness; without entanglement it is at most 2."""
    theta = Parameter("θ")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.ry(theta, 0)
    with QueuebitService() as service:
        backend = service.backend(backend_name)
        isa = generate_preset_pass_manager(target=backend.target, optimization_level=3, seed_transpiler=1).run(circuit)
        observables = [[it.apply_layout(isa.layout)] for it in CHSH]
        pub = (isa, observables, np.linspace(0, 2 * np.pi, angles))
        estimator = EstimatorV2(mode=backend, options={"seed": 1})
        quote = estimator.estimate([pub], precision=0.05)
        job = estimator.run([pub], precision=0.05)
        values = job.result()[0].data.evs
        print(f"largest {np.abs(values).max():.2f}, classical limit 2, quantum limit {2 * np.sqrt(2):.2f}")
        print(f"asked {quote.cost}, paid {job.charge()}")
    return float(np.abs(values).max())


if __name__ == "__main__":
    main()
