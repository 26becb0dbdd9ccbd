"""Circuits with free parameters, and operators of Qiskit, exported by the client and parsed by the platform."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Pauli, SparsePauliOp

from queuebit import InvalidInput, Sweep
from queuebit.programs import draft_of
from queuebit.sources import read_source
from queuebit_quantum import parse


def test_free_parameters_become_inputs_with_the_same_names() -> None:
    circuit, angle, others = QuantumCircuit(1, 1), Parameter("my angle"), ParameterVector("p", 2)
    circuit.ry(angle, 0)
    circuit.rx(2 * others[0] + others[1], 0)
    circuit.measure(0, 0)
    draft = draft_of(Sweep(circuit, {angle: np.array([0.25]), "p[0]": [1], others[1]: [2]}), None, (), None)
    assert draft is not None
    given = draft.items[0]["parameters"]
    assert isinstance(given, dict)
    ours = parse(draft.sources[0].decode(), parameters=given).quantum_circuit
    assert [step.params for step in ours.data if step.params] == [[0.25], [4.0]]
    with pytest.raises(InvalidInput, match="or submit a Sweep"):
        read_source(circuit)


def test_observables_can_be_operators_and_need_no_measurement() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    given = ["ZZ", SparsePauliOp(["XX", "ZI", "XX"], [1, -2, 0.5]), Pauli("IZ")]
    draft = draft_of(circuit, None, given, None)
    assert draft is not None
    assert draft.items[0]["observables"] == ["ZZ", {"XX": 1.5, "ZI": -2.0}, "IZ"]
    assert parse(draft.sources[0].decode(), measured=False).num_qubits == 2
