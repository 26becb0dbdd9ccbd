"""VQE: the ground state energy of H2 at its bond length, with SciPy's COBYLA. `python -m examples.qiskit.vqe`."""

import numpy as np
from scipy.optimize import minimize

from qiskit.circuit.library import real_amplitudes
from qiskit.quantum_info import SparsePauliOp
from queuebit_qiskit import EstimatorV2, QueuebitService, Session

# H2 in the STO-3G basis, two qubits after parity mapping, in hartree without the repulsion of the nuclei:
# O'Malley et al. 2016, arXiv:1512.06860; the four coefficients are those used throughout the literature.
H2 = SparsePauliOp(
    ["II", "IZ", "ZI", "ZZ", "XX"],
    [-1.052373245772859, 0.39793742484318045, -0.39793742484318045, -0.01128010425623538, 0.18093119978423156],
)


def main(backend_name: str = "aer", maxiter: int = 40) -> float:
    """Return the lowest energy that was found."""
    ansatz = real_amplitudes(2, reps=1)
    history: list[float] = []
    with QueuebitService() as service, Session(backend=service.backend(backend_name)) as session:
        estimator = EstimatorV2(mode=session, options={"seed": 1})

        def energy(parameters: np.ndarray) -> float:
            job = estimator.run([(ansatz, H2, parameters)], precision=0.02)
            history.append(float(job.result()[0].data.evs))
            return history[-1]

        start = np.random.default_rng(7).uniform(-0.5, 0.5, ansatz.num_parameters)
        minimize(energy, start, method="COBYLA", options={"maxiter": maxiter, "rhobeg": 0.5})
    exact = float(np.linalg.eigvalsh(H2.to_matrix())[0])
    print(f"lowest energy {min(history):.3f} hartree after {len(history)} jobs; exact {exact:.3f}")
    return min(history) - exact


if __name__ == "__main__":
    main()
