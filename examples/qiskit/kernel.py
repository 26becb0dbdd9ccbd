"""Quantum kernel: a classifier for points on two rings, fitted by least squares. `python -m examples.qiskit.kernel`."""

import numpy as np

from qiskit import QuantumCircuit
from qiskit.circuit.library import zz_feature_map
from queuebit_qiskit import QueuebitService, SamplerV2

POINTS = 8


def overlap_circuit() -> QuantumCircuit:
    """Measures |<b|a>|² as the share of outcomes 00; its parameters are those of a, then of b."""
    first, second = zz_feature_map(2, reps=1, parameter_prefix="a"), zz_feature_map(2, reps=1, parameter_prefix="b")
    circuit = first.compose(second.inverse())
    circuit.measure_all()
    return circuit


def main(backend_name: str = "aer") -> float:
    """Return the share of points that the kernel classifier puts into the right class."""
    random = np.random.default_rng(3)
    angle = random.uniform(0, 2 * np.pi, POINTS)
    labels = np.arange(POINTS) % 2 * 2 - 1
    radius = np.where(labels > 0, 0.4, 1.4)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    pairs = np.array([[[*first, *second] for second in points] for first in points])
    with QueuebitService() as service:
        job = SamplerV2(service.backend(backend_name), {"seed": 5}).run([(overlap_circuit(), pairs)], shots=1000)
        bits = job.result()[0].data.meas
        kernel = np.array([[bits.get_counts((i, j)).get("00", 0) / 1000 for j in range(POINTS)] for i in range(POINTS)])
    weights = np.linalg.solve(kernel + 0.1 * np.eye(POINTS), labels)
    right = float(np.mean(np.sign(kernel @ weights) == labels))
    print(f"{right:.0%} of {POINTS} points in the right class, from one job of {POINTS**2} circuits")
    return right


if __name__ == "__main__":
    main()
