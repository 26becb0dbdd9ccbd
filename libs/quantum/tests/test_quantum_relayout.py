"""A new calibration moves circuits to other qubits, and transpiles nothing."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit_aer import AerSimulator

from queuebit_planning.fidelity import esp
from queuebit_quantum import Circuit, Compiled, hellinger_fidelity, ideal_distribution, open_backend, parse
from queuebit_quantum.compiling import same_steps
from queuebit_quantum.device_compiler import DeviceCompiler
from queuebit_quantum.ibm import EmulatedIbm

from .changing_device import Change, Snapshot

HEADER = 'OPENQASM 3.0; include "stdgates.inc"; '
GHZ3 = parse(HEADER + "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[1]; cx q[1], q[2]; c = measure q;")
BELL = parse(HEADER + "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;")
ROUTED = parse(
    HEADER + "qubit[4] q; bit[4] c; h q; cx q[0], q[1]; cx q[0], q[2]; cx q[0], q[3]; cx q[1], q[3]; rz(0.3) q[3];"
    "cx q[2], q[3]; h q; c = measure q;"
)
DYNAMIC = parse(
    HEADER + "qubit[3] q; bit a; bit[2] c; h q[0]; a = measure q[0]; if (a) { cx q[1], q[2]; } c = measure q[1:2];"
)
NAMED = parse(HEADER + "bit[2] c; h $1; cx $1, $2; c[0] = measure $1; c[1] = measure $2;")
CIRCUITS = {"bell": BELL, "ghz": GHZ3, "routed": ROUTED, "dynamic": DYNAMIC, "named": NAMED}


@pytest.fixture
def transpiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests of the circuits that were transpiled, in order."""
    found: list[str] = []
    known = DeviceCompiler._transpile

    def counted(self: DeviceCompiler, circuit: Circuit, seed: int) -> Any:  # Qiskit ships no types
        found.append(circuit.digest)
        return known(self, circuit, seed)

    monkeypatch.setattr(DeviceCompiler, "_transpile", counted)
    return found


def coupler_error(pair: set[int], error: float) -> Change:
    def change(properties: dict[str, Any]) -> None:
        for gate in properties["gates"]:
            if set(gate["qubits"]) == pair:
                for value in gate["parameters"]:
                    if value["name"] == "gate_error":
                        value["value"] = error

    return change


def opened() -> EmulatedIbm:
    return EmulatedIbm("changing", "FakeChanging")


@pytest.mark.parametrize("name", CIRCUITS)
def test_a_new_calibration_compiles_as_a_device_that_never_had_another_one(
    name: str, snapshot: Snapshot, transpiled: list[str]
) -> None:
    circuit, device = CIRCUITS[name], opened()
    device.compile(circuit, 1)
    for pair, error in (({3, 4}, 0.2), ({0, 1}, 0.3), ({3, 4}, 0.01)):
        snapshot.change(coupler_error(pair, error))
        device.calibrate()
        moved = device.compile(circuit, 1)
        assert transpiled == [circuit.digest], "the first time only"
        fresh = opened().compile(circuit, 1)
        transpiled.pop()
        assert moved == fresh
        assert same_steps(moved.program, fresh.program)
        assert moved.target_digest == device.describe().target_digest


def test_a_circuit_leaves_a_coupler_that_became_worse(snapshot: Snapshot) -> None:
    device = opened()
    before = device.compile(BELL, 1)
    snapshot.change(coupler_error({*before.physical_qubits}, 0.4))
    device.calibrate()
    after = device.compile(BELL, 1)
    assert after.physical_qubits != before.physical_qubits
    assert esp(before.operations, device.calibrate().errors) < after.esp


def test_a_coupler_that_fails_changes_the_shape_and_is_not_used(snapshot: Snapshot, transpiled: list[str]) -> None:
    device = opened()
    device.compile(GHZ3, 1)
    snapshot.change(coupler_error({2, 3}, 1.0))
    device.calibrate()
    compiled = device.compile(GHZ3, 1)
    assert len(transpiled) == 2
    assert compiled.physical_qubits == (0, 1, 2)
    snapshot.change(coupler_error({2, 3}, 0.01))
    device.calibrate()
    device.compile(GHZ3, 1)
    assert len(transpiled) == 2, "it works again, and what was transpiled for it is still there"


@pytest.mark.parametrize("id_", ["emulated-ibm-manila", "emulated-ibm-perth"])
@pytest.mark.parametrize("circuit", [BELL, GHZ3], ids=["bell", "ghz"])
def test_the_chosen_qubits_are_the_best_of_all(id_: str, circuit: Circuit) -> None:
    """Compared with every assignment of device qubits to those of the compiled circuit."""
    device = open_backend(id_)
    assert isinstance(device, EmulatedIbm)
    compiled = device.compile(circuit, 1)
    calibration = device.calibrate()
    supported = device._target.instruction_supported
    scores = []
    for places in permutations(range(device.description.num_qubits), len(compiled.physical_qubits)):
        where = dict(zip(compiled.physical_qubits, places, strict=True))
        moved = [it._replace(qubits=tuple(where[qubit] for qubit in it.qubits)) for it in compiled.operations]
        if all(supported(it.gate, it.qubits) for it in moved):
            scores.append(esp(moved, calibration.errors))
    assert len(scores) > 4
    assert compiled.esp == pytest.approx(max(scores), rel=1e-12)


ROTATION = st.tuples(st.just("r"), st.integers(0, 3), st.floats(0.1, 3.0))
COUPLING = st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(lambda it: it[0] != it[1])


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(ROTATION | COUPLING, min_size=1, max_size=12))
@pytest.mark.parametrize("id_", ["emulated-ibm-brisbane", "emulated-ibm-perth"])
def test_a_moved_circuit_does_what_its_source_says(id_: str, steps: list[tuple[Any, ...]]) -> None:
    """On Brisbane each coupler works in one direction, so gates are turned round after the move."""
    lines = [f"ry({it[2]}) q[{it[1]}];" if len(it) == 3 else f"cx q[{it[0]}], q[{it[1]}];" for it in steps]
    circuit = parse(HEADER + "qubit[4] q; bit[4] c; " + "".join(lines) + "c = measure q;")
    compiled: Compiled = open_backend(id_).compile(circuit, 1)
    counts = AerSimulator().run(compiled.program, shots=20_000, seed_simulator=1).result().get_counts()
    assert hellinger_fidelity(counts, ideal_distribution(circuit)) > 0.995, "sixteen outcomes: 0.9996 on average"
