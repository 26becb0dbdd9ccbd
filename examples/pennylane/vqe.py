"""Three steps of gradient descent in PennyLane: each gradient is one job. Run it while `qb up` runs."""

import pennylane as qml
from pennylane import numpy as np

HYDROGEN = qml.Hamiltonian([-0.33, 0.39, -0.39, 0.18], [qml.I(0), qml.Z(0), qml.Z(1), qml.X(0) @ qml.X(1)])

device = qml.device("queuebit", wires=2, max_cost="0.50", purpose="VQE example")


def ansatz(angles: np.tensor) -> qml.measurements.MeasurementProcess:
    qml.RY(angles[0], 0)
    qml.CNOT([0, 1])
    qml.RY(angles[1], 1)
    return qml.expval(HYDROGEN)


energy = qml.set_shots(qml.QNode(ansatz, device), 2000)
angles = np.array([2.0, 0.5], requires_grad=True)

print("one energy costs at most", device.estimate(energy, angles)[0]["cost"])
print("step 0 energy", float(energy(angles)))
for step in range(1, 4):
    angles = angles - 0.8 * np.stack(qml.gradients.param_shift(energy)(angles))
    print("step", step, "energy", float(energy(angles)))
print(len(device.jobs), "jobs for", device.charge())
