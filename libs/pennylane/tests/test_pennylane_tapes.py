"""Each gate of the device has the unitary of PennyLane's, up to a global phase."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping

import numpy as np
import pennylane as qml
import pytest
from qiskit.quantum_info import Operator

from queuebit_pennylane import QueuebitDevice
from queuebit_pennylane.tapes import export
from queuebit_quantum import parse

GATES = sorted(QueuebitDevice.capabilities.gate_set())


def operation(name: str) -> qml.operation.Operator:
    base = getattr(qml, name.removeprefix("Adjoint(").rstrip(")"))
    wires = {"Identity": 1, "GlobalPhase": 1, "Barrier": 1}.get(name, base.num_wires)
    made = base(*(0.3 + 0.4 * number for number in range(base.num_params)), wires=range(wires))
    return qml.adjoint(made) if name.startswith("Adjoint") else made


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("inputs", [False, True])
def test_a_gate_has_its_unitary(name: str, inputs: bool) -> None:
    made = operation(name)
    assert made.name == name
    tape = qml.tape.QuantumScript([made], [qml.sample(wires=[2, 0])], shots=1)
    exported = export(tape, qml.wires.Wires([0, 1, 2]), inputs=inputs)
    values: Mapping[str, float] = exported.values
    assert len(values) == (made.num_params if inputs and name != "GlobalPhase" else 0)
    parsed = parse(exported.source.partition("c[0]")[0], parameters=values, measured=False).quantum_circuit
    ours = np.asarray(Operator(parsed.reverse_bits()).data)
    used = sorted(tape.wires)
    theirs = np.eye(2 ** len(used)) if name == "Barrier" else qml.matrix(made, wire_order=used)
    overlap = complex(np.vdot(theirs, ours))
    assert math.isclose(abs(overlap), len(ours), rel_tol=1e-12)
    np.testing.assert_allclose(ours, theirs * cmath.exp(1j * cmath.phase(overlap)), atol=1e-12)
