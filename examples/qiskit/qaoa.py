"""QAOA: the largest cut of a ring of five nodes with a chord. `python -m examples.qiskit.qaoa`."""

from scipy.optimize import minimize

from qiskit.circuit.library import qaoa_ansatz
from qiskit.quantum_info import SparsePauliOp
from queuebit_qiskit import EstimatorV2, QueuebitService, SamplerV2, Session

NODES = 5
EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 2)]


def cut_of(bits: str) -> int:
    """The edges between the two sides; the rightmost bit is node 0."""
    return sum(bits[-1 - first] != bits[-1 - second] for first, second in EDGES)


def main(backend_name: str = "aer", maxiter: int = 30) -> int:
    """Return the size of the best cut among the ten most frequent outcomes."""
    cost = SparsePauliOp.from_sparse_list([("ZZ", [*edge], 1.0) for edge in EDGES], num_qubits=NODES)
    circuit = qaoa_ansatz(cost, reps=2)
    with QueuebitService() as service, Session(backend=service.backend(backend_name)) as session:
        estimator = EstimatorV2(mode=session, options={"seed": 1, "default_precision": 0.05})
        found = minimize(
            lambda angles: float(estimator.run([(circuit, cost, angles)]).result()[0].data.evs),
            [0.6, 0.3, 0.4, 0.8],
            method="COBYLA",
            options={"maxiter": maxiter, "rhobeg": 0.3},
        )
        measured = circuit.assign_parameters(found.x)
        measured.measure_all()
        counts = (
            SamplerV2(mode=session, options={"seed": 1}).run([measured], shots=2000).result()[0].data.meas.get_counts()
        )
    likely = sorted(counts, key=counts.__getitem__, reverse=True)[:10]
    best = max(likely, key=cut_of)
    print(f"cut {best} with {cut_of(best)} of {len(EDGES)} edges")
    return cut_of(best)


if __name__ == "__main__":
    main()
