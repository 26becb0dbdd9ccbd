"""The same circuit has the same distribution from every client library, with the same order of bits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import cirq
import numpy as np
import pennylane as qml
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from scipy.stats import binomtest

from queuebit import Client
from queuebit_braket import QueuebitDevice
from queuebit_cirq import QueuebitSampler
from queuebit_qiskit import QueuebitService, SamplerV2
from queuebit_testing.local_platform import LocalPlatform, local_credential

QUBITS, SHOTS = 3, 2_000

Gate: TypeAlias = tuple[int, int, float]
"""A rotation by an angle about y of a qubit; if the second qubit is another one, under its control."""

gates = st.lists(
    st.tuples(st.integers(0, QUBITS - 1), st.integers(0, QUBITS - 1), st.floats(-3, 3, width=16)), max_size=6
)


@dataclass(frozen=True)
class Doors:
    """What the libraries need to reach a platform."""

    client: Client
    service: QueuebitService


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    ann = local_credential()
    platform = LocalPlatform()
    with Client(ann, transport=platform) as client, QueuebitService(ann, transport=platform) as service:
        yield Doors(client, service)


def exact(circuit: list[Gate]) -> list[float]:
    """The share of each outcome, with the first qubit as the highest bit; by a simulation of its own."""
    state = np.zeros([2] * QUBITS)
    state[(0,) * QUBITS] = 1
    for target, control, angle in circuit:
        cos, sin = math.cos(angle / 2), math.sin(angle / 2)
        turned = np.moveaxis(np.tensordot([[cos, -sin], [sin, cos]], state, axes=(1, target)), 0, target)
        on = np.take(np.arange(2), np.indices(state.shape)[control]) if control != target else 1
        state = np.where(on, turned, state)
    return [float(it) for it in np.square(state).ravel()]


def by_client(doors: Doors, circuit: list[Gate]) -> list[int]:
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{QUBITS}] q;", f"bit[{QUBITS}] c;"]
    for target, control, angle in circuit:
        lines.append(
            f"ry({angle!r}) q[{target}];" if control == target else f"cry({angle!r}) q[{control}], q[{target}];"
        )
    counts = doors.client.submit("\n".join([*lines, "c = measure q;"]), shots=SHOTS).result().counts
    return [counts.get("".join(map(str, reversed(outcome))), 0) for outcome in outcomes()]


def by_braket(doors: Doors, circuit: list[Gate]) -> list[int]:
    measured = [f"c[{place}] = measure q[{place}];" for place in range(QUBITS)]
    with QueuebitDevice(client=doors.client) as device:
        counts = device.run("\n".join([*braket_lines(circuit), *measured]), shots=SHOTS).result().measurement_counts
    return [counts["".join(map(str, outcome))] for outcome in outcomes()]


def by_braket_probability(doors: Doors, circuit: list[Gate]) -> list[int]:
    with QueuebitDevice(client=doors.client) as device:
        source = "\n".join([*braket_lines(circuit), "#pragma braket result probability all", ""])
        (shares,) = device.run(source, shots=SHOTS).result().values
    return [round(SHOTS * share) for share in np.ravel(shares)]


def braket_lines(circuit: list[Gate]) -> list[str]:
    """As Braket's SDK writes circuits."""
    lines = ["OPENQASM 3.0;", f"bit[{QUBITS}] c;", f"qubit[{QUBITS}] q;"]
    for target, control, angle in circuit:
        on = f"q[{target}];" if control == target else f"q[{control}], q[{target}];"
        lines.append(f"{'' if control == target else 'ctrl @ '}ry({angle!r}) {on}")
    return lines


def by_cirq(doors: Doors, circuit: list[Gate]) -> list[int]:
    q = cirq.LineQubit.range(QUBITS)
    operations = [
        cirq.ry(angle)(q[target]) if control == target else cirq.ry(angle)(q[target]).controlled_by(q[control])
        for target, control, angle in circuit
    ]
    with QueuebitSampler(doors.client) as sampler:
        result = sampler.run(cirq.Circuit(operations, cirq.measure(*q, key="all")), repetitions=SHOTS)
    histogram = result.histogram(key="all")
    return [histogram[index] for index in range(2**QUBITS)]


def by_pennylane(doors: Doors, circuit: list[Gate]) -> list[int]:
    def function() -> Any:
        for target, control, angle in circuit:
            qml.RY(angle, target) if control == target else qml.CRY(angle, [control, target])
        return qml.counts(wires=range(QUBITS))

    counts = qml.set_shots(qml.QNode(function, qml.device("queuebit", wires=QUBITS, client=doors.client)), SHOTS)()
    return [int(counts.get("".join(map(str, outcome)), 0)) for outcome in outcomes()]


def by_qiskit(doors: Doors, circuit: list[Gate]) -> list[int]:
    written = QuantumCircuit(QUBITS)
    for target, control, angle in circuit:
        if control == target:
            written.ry(angle, target)
        else:
            written.cry(angle, control, target)
    written.measure_all()
    job = SamplerV2(doors.service.backend("aer")).run([written], shots=SHOTS)
    counts = job.result()[0].data.meas.get_counts()
    return [counts.get("".join(map(str, reversed(outcome))), 0) for outcome in outcomes()]


def outcomes() -> Iterator[tuple[int, ...]]:
    return itertools.product((0, 1), repeat=QUBITS)


@pytest.mark.parametrize("adapter", [by_client, by_braket, by_braket_probability, by_cirq, by_pennylane, by_qiskit])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(circuit=gates.map(lambda it: [(0, 0, 0.6), (1, 0, 1.9), (2, 1, -2.3), *it]))
def test_the_distribution_is_the_exact_one(
    doors: Doors, adapter: Callable[[Doors, list[Gate]], list[int]], circuit: list[Gate]
) -> None:
    """The first gates make it asymmetric. An exact binomial test of each outcome, also of rare ones: 480 of them in a
    run give less than one false alarm in ten million runs."""
    for count, share in zip(adapter(doors, circuit), exact(circuit), strict=True):
        assert binomtest(count, SHOTS, min(share, 1.0)).pvalue > 1e-10
