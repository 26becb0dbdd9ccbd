"""The device: what is one job, and values as PennyLane's own simulator computes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp
from pennylane.exceptions import DeviceError, PennyLaneDeprecationWarning, WireError

from queuebit import Client, InvalidInput, JobFailed, Money
from queuebit_pennylane import QueuebitDevice
from queuebit_testing.local_platform import LocalPlatform

Make = Callable[..., QueuebitDevice]

SHOTS = 4_000
HAMILTONIAN = qml.Hamiltonian(
    [0.5, 0.3, -1, 2.0], [qml.Z(0) @ qml.Z(1), qml.X(0) @ qml.X(1), qml.Y(0) @ qml.Z(1), qml.I(0)]
)


def ansatz(angle: Any, other: Any = 0.7) -> None:
    """Gates that the device has, and gates that PennyLane decomposes."""
    qml.RX(angle, 0)
    qml.RY(other, 1)
    qml.CNOT([0, 1])
    qml.IsingXX(angle, [1, 2])
    qml.adjoint(qml.S(2))
    qml.ctrl(qml.Rot(0.1, angle, 0.3, 2), control=0, control_values=0)
    qml.QubitUnitary(qml.matrix(qml.SISWAP([0, 1])), [0, 2])


MEASURED: list[Callable[[], Any]] = [
    lambda: qml.expval(qml.Z(0)), lambda: qml.expval(qml.X(1) @ qml.Y(2)), lambda: qml.expval(HAMILTONIAN),
    lambda: qml.var(qml.Y(1)), lambda: qml.probs(wires=[2, 0]), lambda: qml.probs(op=qml.X(1)),
    lambda: qml.expval(qml.Hermitian(np.array([[1, 2j], [-2j, -1]]), 0) @ qml.X(2)),
    lambda: qml.expval(qml.Hadamard(1)),
    lambda: qml.expval(qml.Projector([1, 0], [0, 2])),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MEASURED)))
def test_a_value_is_that_of_the_state(device: Make, number: int) -> None:
    """Tolerance: six standard errors, of values whose variance is at most 9."""

    def circuit(angle: float) -> Any:
        ansatz(angle)
        return MEASURED[number]()

    found = qml.set_shots(qml.QNode(circuit, device(3)), SHOTS)(0.4)
    exact = qml.QNode(circuit, qml.device("default.qubit", wires=3))(0.4)
    np.testing.assert_allclose(found, exact, atol=6 * 3 / math.sqrt(SHOTS))


def test_all_measurements_of_a_circuit_are_one_job(device: Make, platform: LocalPlatform) -> None:
    def circuit(angle: float) -> Any:
        ansatz(angle)
        return [measured() for measured in MEASURED]

    assert len(qml.set_shots(qml.QNode(circuit, device(3)), 10)(0.4)) == len(MEASURED)
    (submission,) = platform.submissions
    assert submission.data.shots == 10


def test_a_jacobian_is_one_job(device: Make, platform: LocalPlatform) -> None:
    def energy(angles: Any) -> Any:
        qml.RX(angles[0], 0)
        qml.RY(angles[1], 1)
        qml.CNOT([0, 1])
        return qml.expval(HAMILTONIAN)

    circuit = qml.set_shots(qml.QNode(energy, device(3)), SHOTS)
    angles = pnp.array([0.4, -0.9], requires_grad=True)
    shifted = qml.gradients.param_shift(circuit)(angles)
    assert len(platform.submissions) == 1
    gradient = qml.grad(circuit)(angles)
    assert len(platform.submissions) == 3, "the value, and then the gradient"

    exact = qml.grad(qml.QNode(energy, qml.device("default.qubit", wires=3)))(angles)
    for found in (np.array(shifted), gradient):
        np.testing.assert_allclose(found, exact, atol=0.15)


def test_tapes_that_differ_in_angles_alone_are_one_circuit(device: Make, platform: LocalPlatform) -> None:
    tapes = [
        qml.tape.QuantumScript([qml.RX(angle, 0)], [qml.expval(qml.Z(0))], shots=shots)
        for angle, shots in ((0.0, 5), (math.pi, 7))
    ]
    assert [float(it) for it in qml.execute(tapes, device(1))] == [1, -1]
    (submission,) = platform.submissions
    assert submission.data.circuit.inline is not None
    assert submission.data.circuit.inline.count("OPENQASM") == 1


def test_samples_and_counts_have_the_order_of_their_wires(device: Make) -> None:
    def circuit() -> Any:
        qml.X("a")
        return qml.sample(wires=["a", "b"]), qml.counts(wires=["b", "a"]), qml.counts(), qml.sample(qml.Z("a"))

    samples, pair, every, signs = qml.set_shots(qml.QNode(circuit, device(["b", "a", 3])), 5)()
    assert samples.tolist() == [[1, 0]] * 5
    assert (pair, every) == ({"01": 5}, {"010": 5})
    assert signs.tolist() == [-1] * 5


def test_a_device_without_wires_has_those_of_the_circuit(device: Make) -> None:
    def circuit() -> Any:
        qml.X("b")
        qml.I("a")
        return qml.counts(), qml.expval(qml.Hermitian([[0, 1], [1, 0]], "a") @ qml.Z("b"))

    counts, _ = qml.set_shots(qml.QNode(circuit, device()), 5)()
    assert counts == {"10": 5}
    with pytest.raises(WireError, match="wires not found on the device"):
        qml.set_shots(qml.QNode(circuit, device(["b"])), 5)()


def test_shots_of_the_device_are_a_default_that_pennylane_deprecated(device: Make) -> None:
    with pytest.warns(PennyLaneDeprecationWarning, match="Setting shots on device is deprecated"):
        made = device(1, shots=7)
    assert qml.QNode(lambda: qml.counts(wires=0), made)() == {"0": 7}


def test_numbers_of_shots_broadcast_angles_and_measurements_in_the_middle(device: Make) -> None:
    """Deferred measurements need wires that the device does not name."""

    def circuit(angle: Any) -> Any:
        qml.RX(angle, 0)
        middle = qml.measure(0, reset=True)
        qml.cond(middle, qml.X)(1)
        return qml.expval(qml.Z(1)), qml.expval(middle), qml.expval(qml.Z(0))

    many = qml.set_shots(qml.QNode(circuit, device(2)), (10, 20))
    assert many(math.pi) == ((-1, 1, 1), (-1, 1, 1))
    broadcast = qml.set_shots(qml.QNode(circuit, device()), 10)(np.array([0, math.pi]))
    assert [it.tolist() for it in broadcast] == [[1, -1], [0, 1], [1, 1]]


def test_the_tracker_counts_jobs_and_names_them(device: Make) -> None:
    made = device(2)
    circuit = qml.set_shots(qml.QNode(lambda: (qml.expval(qml.Z(0)), qml.expval(qml.X(0))), made), 10)
    with qml.Tracker(made) as tracker:
        circuit()
        circuit()
    assert tracker.totals == {"batches": 2, "jobs": 2, "executions": 4, "shots": 40}
    assert tuple(tracker.history["job_id"]) == made.job_ids
    assert len(tracker.history["resources"]) == 4


def test_options_reach_the_platform_and_the_price_is_known(
    device: Make, client: Client, platform: LocalPlatform
) -> None:
    options = {"backend": "aer", "max_cost": "0.10", "tags": ["vqe"], "seed": 7, "key": "run"}
    values = []
    for _ in range(2):
        made = device(2, **options)
        circuit = qml.set_shots(qml.QNode(lambda angle: (qml.RX(angle, 0), qml.probs(wires=0))[1], made), 50)
        (row,) = made.estimate(circuit, 0.3)
        values.append((circuit(1.3).tolist(), circuit(1.4).tolist()))
        assert (row["backend"], row["cost"], made.charge()) == ("aer", "0.01", Money.of("0.02"))
        made.close()
    assert values[0] == values[1]
    assert [it.data.key for it in platform.submissions] == ["run/1", "run/2"], "a client that was given stays open"
    asked = platform.submissions[0].data
    assert asked.max_cost is not None
    assert (asked.backend, asked.max_cost.amount, asked.tags, asked.seed) == ("aer", "0.10", ("vqe",), 7)
    assert made.jobs[0].status().charge == client.job(made.job_ids[0]).status().charge == Money.of("0.01")


def test_what_it_cannot_measure_is_refused(device: Make, platform: LocalPlatform) -> None:
    def circuit() -> Any:
        return qml.state()

    with pytest.raises(DeviceError, match=r"set their number, such as qml\.set_shots"):
        qml.QNode(circuit, device(1))()
    with pytest.raises(DeviceError, match="not accepted with finite shots on queuebit"):
        qml.set_shots(qml.QNode(circuit, device(1)), 10)()
    sparse = qml.SparseHamiltonian(qml.Z(0).sparse_matrix(), wires=[0])
    with pytest.raises(DeviceError, match="not accepted with finite shots on queuebit"):
        qml.set_shots(qml.QNode(lambda: qml.expval(sparse), device(1)), 10)()
    with pytest.raises(InvalidInput, match=r"RX\(nan, wires=\[0\]\) has an angle that is not a finite number"):
        qml.set_shots(qml.QNode(lambda: (qml.RX(math.nan, 0), qml.counts())[1], device(1)), 10)()
    raw = qml.tape.QuantumScript([qml.Rot(1, 2, 3, 0)], [qml.sample(wires=0)], shots=1)
    with pytest.raises(InvalidInput, match="the device has no gate Rot"):
        device(1).execute(raw)
    with pytest.raises(InvalidInput, match="runs tapes that it preprocessed"):
        device(1).execute(raw.copy(measurements=[qml.expval(qml.Z(0))]))
    assert not platform.submissions
    assert device(1).execute([]) == ()


def test_a_failed_tape_is_named(device: Make) -> None:
    tapes = [qml.tape.QuantumScript([qml.RX(angle, 0)], [qml.sample(wires=0)], shots=1) for angle in (0.5, 1e300)]
    made = device(1)
    with pytest.raises(JobFailed, match=r"tape 1: .*has what the others returned") as caught:
        made.execute(tapes)
    assert caught.value.job == made.job_ids[0]
