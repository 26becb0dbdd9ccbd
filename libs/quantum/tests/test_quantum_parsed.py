"""A parsed circuit comes back from its bytes as it was, or is not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_quantum import (
    Circuit,
    WorkItem,
    open_backend,
    parse,
    read_circuit,
    read_compiled,
    write_circuit,
    write_compiled,
)

TWO = 'OPENQASM 2.0; include "qelib1.inc"; '
THREE = 'OPENQASM 3.0; include "stdgates.inc"; '
EXAMPLES = Path(__file__).parents[3] / "examples/circuits"
SOURCES = {
    **{name: (EXAMPLES / f"{name}.qasm").read_text() for name in ("bell", "grover2", "qft4", "vqe_h2")},
    "angles": TWO + "qreg q[2]; creg c[2]; rz(0.1) q[0]; rx(pi/3) q[1]; cu1(1e-9) q[0], q[1]; measure q -> c;",
    "own gates": TWO + "gate g(a) x, y { rz(a/2) x; cx x, y; } qreg q[2]; creg c[2]; g(pi) q[0], q[1]; measure q -> c;",
    "a reset": TWO + "qreg q[2]; creg c[2]; h q; reset q[0]; barrier q; cx q[1], q[0]; measure q -> c;",
    "numbered qubits": THREE + "bit[2] c; x $0; cx $0, $3; c[0] = measure $0; c[1] = measure $3;",
    "a phase": THREE + "qubit q; bit c; gphase(0.25); h q; c = measure q;",
}


def sampled(circuit: Circuit) -> object:
    aer = open_backend("aer")
    return aer.collect(aer.submit([WorkItem(aer.compile(circuit, 1), 100, 7)], "t"))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_circuit_comes_back_as_it_was(source: str) -> None:
    circuit = parse(source)
    back = read_circuit(write_circuit(circuit))
    assert back == circuit
    assert back.quantum_circuit == circuit.quantum_circuit
    assert sampled(back) == sampled(circuit)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_compiled_circuit_comes_back_as_it_was(source: str) -> None:
    circuit, aer = parse(source), open_backend("aer")
    compiled = aer.compile(circuit, 1)
    back, touched = read_compiled(write_compiled(compiled, circuit))
    assert back == compiled
    assert back.program == compiled.program
    assert touched == len(circuit.touched)


def test_a_circuit_that_would_come_back_changed_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = parse(SOURCES["angles"])
    assert write_circuit(circuit)
    changed = circuit.quantum_circuit.copy()
    changed.data[0] = changed.data[0].replace(params=[0.2])
    monkeypatch.setattr("queuebit_quantum.parsed._program", lambda _: changed)
    assert write_circuit(circuit) == b""


@pytest.mark.parametrize(
    "body",
    [
        "delay[100ns] q; c = measure q;",
        "c = measure q; if (c) { x q; }",
        "for uint i in [0:3] { c = measure q; if (c) { break; } }",
    ],
    ids=["delay", "condition", "loop"],
)
def test_what_qpy_may_change_is_not_written(body: str) -> None:
    assert write_circuit(parse(THREE + "qubit q; bit c; h q; " + body)) == b""
