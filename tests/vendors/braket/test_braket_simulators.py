"""The simulators of Amazon's SDK, compared with Qiskit's state vector."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from braket.devices import LocalSimulator
from braket.ir.openqasm import Program
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Statevector

from queuebit_quantum import Backend, Outcome, WorkItem, ideal_distribution, known_backends, parse, total_variation
from queuebit_testing.backend_laws import BackendLaws
from queuebit_vendor_braket.gates import accepted, native
from queuebit_vendor_braket.programs import gate_lines
from queuebit_vendor_braket.simulators import BraketSimulator

_GATES = get_standard_gate_name_mapping()
_ALL = {
    **accepted(LocalSimulator("braket_sv").properties.action["braket.ir.openqasm.program"].supportedOperations),
    **{f"{name} (native)": gate for name, gate in {**native(["rx", "rz", "iswap"]), **native(["prx", "cz"])}.items()},
}
_BIASED = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg a[1]; creg b[2]; ry(0.7) q[0]; cx q[0], q[2]; '
_SOURCE = _BIASED + "ry(1.9) q[1]; measure q[2] -> a[0]; measure q[0] -> b[1]; measure q[1] -> b[0];"


@pytest.fixture(params=[("braket-sv", "braket_sv"), ("braket-dm", "braket_dm")], ids=["sv", "dm"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return BraketSimulator(*request.param)


class TestSimulators(BackendLaws):
    def test_counts_have_the_exact_distribution_in_qiskits_order(self, backend: Backend) -> None:
        """0.06 is four times what chance does."""
        handle = backend.submit([WorkItem(backend.compile(parse(_SOURCE), 1), 4_000, 3)], "one")
        (outcome,) = backend.collect(handle)
        assert isinstance(outcome, Outcome)
        assert total_variation(outcome.counts, ideal_distribution(parse(_SOURCE))) < 0.06

    def test_a_seed_gives_the_same_shots(self, backend: Backend) -> None:
        def shots(seed: int, token: str) -> object:
            item = WorkItem(backend.compile(parse(_SOURCE), 1), 200, seed, memory=True)
            (outcome,) = backend.collect(backend.submit([item], token))
            assert isinstance(outcome, Outcome)
            return outcome.counts, outcome.memory

        assert shots(5, "one") == shots(5, "two") != shots(6, "three")


def test_the_stacks_are_installed() -> None:
    assert known_backends("braket-local") == ("braket-sv", "braket-dm")
    assert "braket-sv1" in known_backends("braket")


@pytest.mark.parametrize("name", _ALL)
@settings(deadline=None, max_examples=5)
@given(angles=st.lists(st.floats(-math.pi, math.pi), min_size=12, max_size=12))
def test_each_gate_does_what_qiskits_gate_does(name: str, angles: list[float]) -> None:
    """Between two layers of rotations, so that phases and the order of qubits show in the outcome."""
    known = _GATES[name.removesuffix(" (native)")]
    gate = type(known)(*angles[: len(known.params)])
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate(angles[:3]):
        circuit.ry(angle, qubit)
    circuit.rx(angles[3], 0)
    circuit.append(gate, range(gate.num_qubits))
    for qubit, angle in enumerate(angles[4:7]):
        circuit.ry(angle, qubit)
    circuit.rx(angles[7], 1)
    written = {**accepted(["rx", "ry"]), gate.name: _ALL[name]}
    lines = gate_lines(circuit, [f"q[{it}]" for it in range(3)], written)
    source = "\n".join(["OPENQASM 3.0;", "qubit[3] q;", *lines, "#pragma braket result probability q[0], q[1], q[2]"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = LocalSimulator("braket_sv").run(Program(source=source), shots=0).result().values[0]
    expected = Statevector(circuit).probabilities([2, 1, 0])
    assert np.allclose(found, expected, atol=1e-9)
