"""Which sources parse, which are refused, and the positions of errors."""

import builtins
import io
import os
from pathlib import Path
from typing import Any

import pytest

from queuebit_kernel import digest
from queuebit_quantum import CircuitError, parse

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


END2 = "creg c[1]; measure q[0] -> c[0];"


BROKEN = {
    "truncated file": ("qreg q[2]; h q[0", "syntax", 3, 15, "closing bracket"),
    "truncated file, 3": ("qubit[2] q; h q[0", "syntax", 3, 18, "closing bracket"),
    "truncated gate body": ("gate g a { h a;", "syntax", 3, 10, "closing brace"),
    "truncated gate body, 3": ("qubit q; gate g a { h a;", "syntax", 3, 25, "'}'"),
    "unknown gate": ("qreg q[2];\nfoo q[0];", "undefined", 4, 1, "defined before"),
    "unknown gate, 3": ("qubit[2] q;\nfoo q[0];", "undefined", 4, 1, "defined before"),
    "undeclared register": ("h r[0];", "undefined", 3, 3, "defined before"),
    "undeclared register, 3": ("qubit q;\nqubit w; h r[0];", "undefined", 4, 12, "defined before"),
    "missing semicolon": ("qreg q[2]\nh q[0];", "syntax", 4, 1, "';'"),
    "missing semicolon, 3": ("qubit[2] q\nh q[0];", "syntax", 4, 1, "';'"),
    "index out of range": ("qreg q[2];\nh q[5];", "index", 4, 5, "below 2"),
    "index out of range, 3": ("qubit[2] q;\n  h q[5];", "index", 4, 7, "below 2"),
    "missing parameter": ("qreg q[1];\nrx q[0];", "arguments", 4, 1, "1 parameter"),
    "missing parameter, 3": ("qubit q;\nrx q;", "arguments", 4, 1, "1 parameter"),
    "too many parameters": ("qreg q[1];\nrx(1, 2) q[0];", "arguments", 4, 1, "1 parameter"),
    "too many parameters, 3": ("qubit q;\nrx(1, 2) q;", "arguments", 4, 1, "1 parameter"),
    "too few qubits": ("qreg q[2];\ncx q[0];", "arguments", 4, 1, "2 quantum arguments"),
    "too few qubits, 3": ("qubit[2] q;\ncx q[0];", "arguments", 4, 1, "2 qubits"),
    "one qubit twice": ("qreg q[2]; cx q[0], q[0];", "arguments", 3, 12, "different qubits"),
    "one qubit twice, 3": ("qubit[2] q; cx q[0], q[0];", "arguments", 3, 13, "different qubits"),
    "name taken": ("qreg q[2]; qreg q[3];", "redefined", 3, 17, "not taken"),
    "name taken, 3": ("qubit[2] q; qubit[3] q;", "redefined", 3, 13, "not taken"),
    "division by zero": ("qreg q[1]; rx(1/0) q[0];", "parameter", 3, 16, "number"),
    "division by zero, 3": ("qubit q; rx(1/0) q;", "parameter", 3, 13, "zero"),
    "registers of two sizes": ("qreg q[2]; creg c[1]; measure q -> c;", "arguments", 3, 23, "one size"),
    "registers of two sizes, 3": ("qubit[2] q; bit[1] c; c = measure q;", "arguments", 3, 23, "one size"),
    "gate without a name": ("gate (t) a { rx(t) a; }", "syntax", 3, 6, "identifier"),
    "stray character": ("qreg q[2]; ?", "syntax", 3, 12, "statement"),
    "stray character, 3": ("qubit[2] q; ?", "syntax", 3, 13, "token"),
    "empty register": ("qreg q[0];", "index", 3, 1, "at least 1"),
    "foreign include": ('include "other.inc";', "include", 3, 9, "qelib1.inc"),
    "foreign include, 3": ('include "other.inc";', "include", 3, 9, "stdgates.inc"),
    "absolute include": ('include "/etc/passwd";', "include", 3, 9, "qelib1.inc"),
    "climbing include, 3": ('include "../../stdgates.inc";', "include", 3, 9, "stdgates.inc"),
    "the other language's include, 3": ('include "qelib1.inc";', "include", 3, 9, "stdgates.inc"),
    "unfinished string": ('include "qelib1.inc', "syntax", 3, 9, "quotation mark"),
    "unfinished string, 3": ('include "stdgates.inc', "syntax", 3, 9, "quotation mark"),
    "outside function, 3": ("extern f(int) -> int;\nint x = f(1);", "unsupported", 4, 9, "`def`"),
    "pulses, 3": ('defcalgrammar "openpulse";', "unsupported", 3, 1, "gates"),
    "pragma, 3": ("pragma noise on", "unsupported", 3, 1, "gates"),
    "an index from too many measured bits, 3": (
        "qubit[8] q; bit[8] c;\nc = measure q; x q[int(c)];",
        "unsupported",
        4,
        18,
        "6 measured bits",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_source_is_reported_with_position_and_expectation(name: str) -> None:
    body, code, line, column, expected = BROKEN[name]
    with pytest.raises(CircuitError) as refusal:
        parse((QASM3 if name.endswith(", 3") else QASM2) + body)
    fault = refusal.value
    assert (fault.code, fault.line, fault.column) == (code, line, column), str(fault)
    assert expected in fault.expected
    assert fault.message in str(fault)


@pytest.mark.parametrize("source", ["", "// only a comment", "OPENQASM", "OPENQASM 4.0;", "OPENQASM 2.99999999999;"])
def test_the_header_decides_the_language(source: str) -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(source)
    assert refusal.value.code == "header"
    assert "OPENQASM 3.0" in refusal.value.expected


@pytest.mark.parametrize("path", ["{dir}/canary.inc", "canary.inc", "../{name}/canary.inc", "./canary.inc"])
@pytest.mark.parametrize("header", ["OPENQASM 2.0;", "OPENQASM 3.0;"])
def test_included_files_are_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, path: str
) -> None:
    canary = tmp_path / "canary.inc"
    canary.write_text("gate canary a { }\n")
    os.utime(canary, ns=(1, 1))
    monkeypatch.chdir(tmp_path)
    parse(QASM2 + "qreg q[1];" + END2)
    opened: list[str] = []
    real = builtins.open

    def recorded(file: str, *rest: Any, **named: Any) -> Any:  # whatever `open` takes and returns
        opened.append(str(file))
        return real(file, *rest, **named)

    monkeypatch.setattr(builtins, "open", recorded)
    monkeypatch.setattr(io, "open", builtins.open)
    for quote in ('"', "'"):
        with pytest.raises(CircuitError) as refusal:
            parse(f"{header}\n/* // */ include // x\n {quote}{path.format(dir=tmp_path, name=tmp_path.name)}{quote};")
        assert refusal.value.code == "include"
    assert not any("canary" in name for name in opened)
    assert canary.stat().st_atime_ns == 1
    canary.read_bytes()
    assert opened[-1] == str(canary), "what is opened is noticed"


@pytest.mark.parametrize("body", ["h q[0];", "barrier q;"])
def test_a_program_without_measurement_is_refused(body: str) -> None:
    with pytest.raises(CircuitError, match="`measure`") as refusal:
        parse(f"{QASM2}qreg q[1]; {body}")
    assert refusal.value.code == "no_measurement"


def test_inputs_need_values() -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(QASM3 + "input float theta; qubit q; bit c; rx(theta) q; c = measure q;")
    assert refusal.value.code == "parameter"
    assert "theta" in refusal.value.message


FEATURES = {
    "static": ("h q[0]; c[0] = measure q[0];", set()),
    "counted loop": ("for int i in [0:2] { rx(i) q[0]; } c[0] = measure q[0];", set()),
    "used after measuring": ("c[0] = measure q[0]; x q[0];", {"mid_circuit_measurement"}),
    "reset": ("reset q[0]; c[0] = measure q[0];", {"reset"}),
    "condition": ("c[0] = measure q[0]; if (c[0]) { x q[1]; }", {"conditional"}),
    "while": ("c[0] = measure q[0]; while (c[0]) { x q[1]; }", {"while_loop"}),
    "break": (
        "for int i in [0:2] { c[0] = measure q[0]; if (c[0]) { break; } }",
        {"mid_circuit_measurement", "conditional", "loop"},
    ),
}


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_found(name: str) -> None:
    body, features = FEATURES[name]
    assert parse(f"{QASM3}qubit[2] q; bit[1] c; {body}").features == features


def test_an_opaque_gate_is_a_feature() -> None:
    assert parse(QASM2 + "opaque magic a; qreg q[1]; magic q[0];" + END2).features == {"opaque"}


def test_counts_are_of_the_expanded_program() -> None:
    source = (
        QASM3 + "gate pair a, b { h a; cx a, b; } qubit[2] q; bit[2] c; box { h q[0]; }"
        "for int i in [1:3] { for int j in [1:2] { pair q[0], q[1]; rx(i * j) q[0]; } } c = measure q;"
    )
    circuit = parse(source)
    assert circuit.digest == digest(source.encode())
    assert circuit.language == "openqasm3"
    assert circuit.gates == {"h": 7, "cx": 6, "rx": 6, "measure": 2}
    assert circuit.two_qubit_gates == 6
    assert circuit.depth == 1 + 6 * 3 + 1
    angles = [gate.operation.params[0] for gate in circuit.quantum_circuit.data if gate.operation.name == "rx"]
    assert angles == [1, 2, 2, 4, 3, 6]


def test_single_bits_and_aliases_keep_their_positions() -> None:
    circuit = parse(QASM3 + "qubit[2] q; bit a; bit[2] c; bit b; let both = c[0:1]; c = measure q; a = measure q[0];")
    assert circuit.registers == (1, 2, 1)
    assert circuit.num_clbits == 4


def test_device_qubits_are_kept_in_ascending_order() -> None:
    circuit = parse(QASM3 + "bit[2] c; h $86; cx $86, $3; c[0] = measure $86; c[1] = measure $3;")
    assert circuit.physical == (3, 86)
    assert circuit.num_qubits == 2
    gates = [
        (gate.operation.name, [circuit.quantum_circuit.find_bit(bit).index for bit in gate.qubits])
        for gate in circuit.quantum_circuit.data
    ]
    assert gates == [("h", [1]), ("cx", [1, 0]), ("measure", [1]), ("measure", [0])]


def test_declared_qubits_name_no_device_qubits() -> None:
    assert parse(QASM3 + "qubit[2] q; bit c; c = measure q[0];").physical == ()


@pytest.mark.parametrize("body", ["x $7; qubit q;", "qubit q; x $7;"])
def test_device_qubits_and_declared_qubits_are_not_mixed(body: str) -> None:
    with pytest.raises(CircuitError, match=r"names device qubits such as \$7") as refusal:
        parse(QASM3 + "bit c;" + body)
    assert (refusal.value.code, refusal.value.line) == ("unsupported", 3)
    assert refusal.value.column == 7 + body.index("qubit")
