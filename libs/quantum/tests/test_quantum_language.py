"""The semantics of OpenQASM: names, phases, control flow and values that are known before a run."""

import cirq
import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit.library import QFTGate, iSwapGate

from queuebit_quantum import CircuitError, WorkItem, parse

from .simulators import simulator

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
RESERVED = (
    "box", "break_loop", "continue_loop", "for_loop", "if_else", "initialize", "kraus", "mark", "p", "roerror",
    "save_state", "store", "switch_case", "u", "unitary", "while_loop",
)  # fmt: skip
"""Names with a special meaning in Qiskit or Aer."""


def _only(source: str) -> str:
    """Run a program and return its only outcome."""
    backend = simulator("aer")
    (outcome,) = backend.run(WorkItem(backend.compile(parse(source), 1), 20, 1)).counts
    return outcome


def _refused(source: str) -> CircuitError:
    with pytest.raises(CircuitError) as refusal:
        parse(source)
    return refusal.value


def test_parameters_bind_by_position_not_by_name() -> None:
    body = "gate g(theta, phi) a { ry(theta) a; rz(phi) a; } qubit q; bit c; g(pi, 0) q; c = measure q;"
    assert _only(QASM3 + body) == "1"
    eleven = ", ".join(f"p_{index}" for index in range(12))
    values = ", ".join(["0"] * 2 + ["pi"] + ["0"] * 9)
    many = f"gate g({eleven}) a {{ ry(p_2) a; rz(p_10) a; }} qubit q; bit c; g({values}) q; c = measure q;"
    assert _only(QASM3 + many) == "1"


def test_a_gate_of_the_source_takes_precedence_over_the_library() -> None:
    assert _only(QASM2 + "gate x a { } qreg q[1]; creg c[1]; x q[0]; measure q[0] -> c[0];") == "0"
    assert _only(QASM2 + "gate swap(t) a { rx(t) a; } qreg q[1]; creg c[1]; swap(pi) q[0]; measure q -> c;") == "1"
    assert _only(QASM3 + "gate x a { } qubit q; bit c; x q; c = measure q;") == "0"


def test_a_gate_uses_the_gates_that_were_visible_at_its_definition() -> None:
    assert _only(QASM3 + "gate g a { x a; } gate x a { } qubit q; bit c; g q; c = measure q;") == "1"


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_qiskit_and_aer_are_not_special(name: str) -> None:
    assert _only(QASM2 + f"gate {name} a {{ x a; }} qreg q[1]; creg c[1]; {name} q[0]; measure q -> c;") == "1"
    assert _only(QASM2 + f"qreg {name}[1]; creg c[1]; x {name}; measure {name} -> c;") == "1"
    if name not in ("box",):  # a keyword of OpenQASM 3
        assert _only(QASM3 + f"gate {name} a {{ x a; }} qubit q; bit c; {name} q; c = measure q;") == "1"
        assert _only(QASM3 + f"qubit {name}; bit c; x {name}; c = measure {name};") == "1"


def test_new_names_differ_from_all_names_of_the_source() -> None:
    own = "gate own0 a { x a; } gate own2 a { } gate flip a { own0 a; }"
    assert _only(QASM2 + f"{own} qreg own1[1]; creg c[1]; flip own1[0]; own2 own1[0]; measure own1 -> c;") == "1"


def test_names_in_a_gate_hide_outer_names() -> None:
    body = "qreg q[2]; creg c[2]; gate g(c) q, a { rx(c) a; } g(pi) q[0], q[1]; measure q -> c;"
    assert _only(QASM2 + body) == "10"


def test_errors_use_the_names_and_positions_of_the_source() -> None:
    fault = _refused(QASM2 + "qreg first[2]; qreg second[2];\ncx first[0], second[9];")
    assert (fault.code, fault.line, fault.column) == ("index", 4, 21)
    assert "'second'" in fault.message


@pytest.mark.parametrize(
    "gate",
    [
        "ctrl @ U(2*pi,0,0) q[0], q[1]",
        "ctrl @ inv @ U(2*pi,0,0) q[0], q[1]",
        "ctrl(2) @ U(2*pi,0,0) q[0], q[1], q[2]",
        "pow(2) @ ctrl @ U(pi,0,pi) q[0], q[1]; ctrl @ gphase(-pi) q[0]",
        "ctrl @ pow(0.5) @ gphase(0) q[0]",
        "ctrl @ x q[0], q[1]; cx q[0], q[1]",
        "ctrl @ pow(0.5) @ x q[0], q[1]; ctrl @ inv @ sx q[0], q[1]",
        "ctrl @ h q[0], q[1]; ch q[0], q[1]",
        "g q[0], q[1]; inv @ g q[0], q[1]",
        "ctrl @ g q[2], q[0], q[1]; ctrl @ inv @ g q[2], q[0], q[1]",
        "ctrl @ u2(0.3, 0.4) q[0], q[1]; inv @ ctrl @ u3(pi/2, 0.3, 0.4) q[0], q[1]",
    ],
)
def test_controls_control_phases_too(gate: str) -> None:
    """Each line is the identity by the specification, so that the gates around it cancel."""
    head = "gate g a, b { gphase(0.7); U(0.3, 0.2, 0.1) a; ctrl @ U(1, 2, 3) a, b; t b; }"
    source = f"{QASM3}{head} qubit[3] q; bit[3] c; h q; {gate}; h q; c = measure q;"
    assert _only(source) == "000"


def test_the_built_in_gate_runs() -> None:
    assert _only("OPENQASM 3.0; qubit q; bit c; U(pi,0,pi) q; c = measure q;") == "1"


def test_a_measurement_can_be_conditional() -> None:
    assert _only(QASM2 + "qreg q[1]; creg c[1]; x q[0]; if(c==0) measure q[0] -> c[0];") == "1"
    assert _only(QASM3 + "qubit q; bit c; bit d; x q; d = measure q; if (d) { c = measure q; }") == "1 1"


def test_a_condition_on_a_register_measurement_is_evaluated_once() -> None:
    body = "qreg q[2]; creg c[2]; x q; if (c == 0) measure q -> c;"
    assert _only(QASM2 + body) == "11"


def test_an_argument_is_passed_by_value() -> None:
    body = (
        "def both(bit a, bit b) -> bit { return a & b; } qubit[2] q; bit[2] c; bit r; x q; c = measure q;"
        "r = both(c[0] ^ c[1], c[0]); if (!r) { x q[0]; } c = measure q;"
    )
    assert _only(QASM3 + body) == "0 10"


def test_nesting_within_the_limits_is_accepted() -> None:
    source = f"{QASM3}qubit q; bit c; rx({'+'.join(['0'] * 250)}) q; c = measure q; {'if (c) { ' * 60}x q; {'}' * 60}"
    assert parse(source).features == {"conditional", "mid_circuit_measurement"}


RUNS = {
    "a loop over unsigned integers": ("for uint i in [0:2] { x q[i]; } c = measure q;", "111"),
    "a loop backwards": ("for uint i in [2:-1:1] { x q[i]; } c = measure q;", "110"),
    "a loop over a set": ("for int i in {0, 2} { x q[i]; } c = measure q;", "101"),
    "a loop over an array": ("array[int, 2] a = {0, 2}; for int i in a { x q[i]; } c = measure q;", "101"),
    "constants": ("const int n = 2; bit[n] d; x q[n]; c = measure q;", "00 100"),
    "integers": ("int i = 1; i += 1; i *= 2; x q[i % 3]; c = measure q;", "010"),
    "integers divide toward zero": ("x q[5 / 2]; x q[-1 / 2]; c = measure q;", "101"),
    "bits of an integer": ("uint[3] n = 5; for int i in [0:2] { if (bool(n[i])) x q[i]; } c = measure q;", "101"),
    "a while loop that ends": ("int i = 0; while (i < 2) { x q[i]; i += 1; } c = measure q;", "011"),
    "break and continue": (
        "for int i in [0:2] { if (i == 0) { continue; } if (i == 2) { break; } x q[i]; } c = measure q;",
        "010",
    ),
    "a switch": ("int i = 3; switch (i) { case 1 { } case 2, 3 { x q[1]; } default { x q; } } c = measure q;", "010"),
    "a switch on measured bits": (
        "x q[1]; c = measure q; switch (int(c)) { case 1 { x q[2]; } case 2 { x q[0]; } default { } }"
        "c = measure q;",
        "011",
    ),
    "a subroutine": (
        "def flip(qubit[2] a, int n) -> bit { x a[n]; return measure a[n]; }"
        "bit r; r = flip(q[1:2], 1); if (r) { x q[0]; } c = measure q;",
        "1 101",
    ),
    "a call as a statement": ("def flip(qubit a) { x a; } flip(q[1]); c = measure q;", "010"),
    "an alias": ("let a = q[1:2] ++ q[0]; x a[-1]; c = measure q;", "001"),
    "a bit equal to a number": ("x q[0]; c = measure q; if (c[0] == 1) { x q[1]; } c = measure q;", "011"),
    "not a bit": ("c = measure q; if (!c[0]) { x q[1]; } c = measure q;", "010"),
    "a register equal to a number": ("x q[0:1]; c = measure q; if (c == 3) { x q[2]; } c = measure q;", "111"),
    "a register compared": ("x q[1]; c = measure q; if (c >= 2 && c < 4) { x q[2]; } c = measure q;", "110"),
    "logic on bits": (
        "x q[1]; c = measure q; if ((c[0] ^ c[1]) != 0 || c[2]) { x q[0]; } c = measure q;", "011"
    ),
    "an assignment of bits": ("x q[0]; c = measure q; c[2] = !c[1]; c[1] = c[0] & c[2];", "111"),
    "a rotation of bits": ("x q[0]; c = measure q; c <<= 1; c = rotl(c, 1);", "100"),
    "a variable from a measurement": (
        "x q[1]; c = measure q; uint[3] n = c; reset q; c = measure q; if (n == 2) { x q[0]; } c = measure q;",
        "001",
    ),
    "a loop that a measurement ends": (
        "for int i in [0:4] { x q[1]; c[1] = measure q[1]; if (c[1]) { break; } } c = measure q;", "010"
    ),
    "a box": ("box { x q[0]; delay[10ns] q[1]; } c = measure q;", "001"),
    "an array keeps what was measured": (
        "array[bit[3], 2] a; x q[0]; a[0] = measure q; reset q; c = measure q; a[1] = a[0]; c = a[1];", "001"
    ),
    "an element of an array that is set in a condition": (
        "array[uint[3], 2] a = {1, 2}; x q[0]; c = measure q; if (c[0]) { a[0] = 5; if (c[1]) { a[0] = 0; } }"
        "else { a[0] = 7; } c = a[0];",
        "101",
    ),
    "columns of an array": (
        "array[int, 2, 2] a = {{0, 1}, {2, 0}}; for int i in a[0:1, 1] { x q[i]; } c = measure q;", "011"
    ),
    "turns that a measurement skips or ends": (
        "int n; for int i in [0:4] { x q[0]; c[0] = measure q[0]; if (!c[0]) { continue; }"
        "if (n == 2) { break; } n += 1; } c = measure q; uint[3] m = n; c = m;",
        "010",
    ),
    "a loop in a subroutine that a measurement leaves": (
        "def f(qubit t) -> uint[3] { for uint i in [1:5] { x t; bit b = measure t; if (b && i > 2) { return i; } }"
        "return 7; } c = f(q[0]);",
        "011",
    ),
    "an angle from measured bits": (
        "x q[0]; c = measure q; angle[3] a = c; a <<= 2; rx(a) q[1]; c = measure q;", "011"
    ),
    "phase estimation with a measured angle": (
        "angle[4] a; x q[1]; for uint i in [0:2] { reset q[0]; h q[0]; ctrl @ pow(4 >> i) @ p(3 * pi / 4) q[0], q[1];"
        "inv @ p(a) q[0]; h q[0]; a >>= 1; measure q[0] -> a[2]; } c[0] = a[0]; c[1] = a[1]; c[2] = a[2];",
        "011",
    ),
    "an end": ("x q[0]; c = measure q; end; x q[1]; c = measure q;", "001"),
    "mathematics": ("rx(2 * arccos(cos(pi / 2))) q[0]; ry(sqrt(pi ** 2)) q[1]; c = measure q;", "011"),
    "a gate with a loop": ("gate g a, b { for int i in [0:2] { x a; cx a, b; } } g q[0], q[1]; c = measure q;", "001"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_known_values_are_computed(name: str) -> None:
    body, outcome = RUNS[name]
    assert _only(f"{QASM3}qubit[3] q; bit[3] c; {body}") == outcome


UNSUPPORTED = {
    "a controlled subroutine": ("def f(qubit a) { x a; } qubit[2] q;\nctrl @ f q[0], q[1];", 4, 1, "modifiers"),
    "an input": ("input float theta; qubit q; rx(theta) q;", 3, 1, "theta"),
    "a comparison of open durations": ("stretch s; qubit q;\nif (s > 1ns) { x q; }", 4, 5, "durations"),
    "an index that a measurement may put outside": (
        "qubit[2] q; bit[2] c; c = measure q;\nx q[int(c)];", 4, 5, "index 3 is outside"
    ),
    "a counter of measurements": (
        "qubit q; bit c; int n = 0; while (n < 3) { c = measure q;\nif (c) { n += 1; } }", 4, 10, "assigned"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_features_are_reported_with_their_position(name: str) -> None:
    body, line, column, words = UNSUPPORTED[name]
    fault = _refused(QASM3 + body)
    assert (fault.line, fault.column) == (line, column), str(fault)
    assert words in fault.message


def test_the_version_header_is_optional() -> None:
    assert _only('// an official example\ninclude "stdgates.inc";\nqubit q; bit c; x q; c = measure q;') == "1"


def test_an_include_of_the_other_version_names_the_missing_header() -> None:
    fault = _refused('include "qelib1.inc"; qreg q[1];')
    assert fault.code == "include"
    assert "OPENQASM 2.0" in fault.expected


def test_a_byte_order_mark_is_skipped() -> None:
    assert _only("\ufeff" + QASM2 + "qreg q[1]; creg c[1]; x q; measure q -> c;") == "1"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("OPENQASM 2.0; qreg q[1]; h q[0];", "one of qelib1.inc, which the program does not include"),
        ("OPENQASM 3.0; qubit q; h q;", "one of stdgates.inc, which the program does not include"),
        (QASM2 + "qreg q[1]; U q[0];", "used without its parameters"),
        (QASM2 + 'qreg q[1]; "a" q[0];', 'got "a"'),
    ],
)
def test_errors_have_plain_texts(source: str, words: str) -> None:
    assert words in _refused(source).message


def test_programs_that_cirq_writes_are_accepted() -> None:
    first, second = cirq.LineQubit.range(2)
    program = cirq.Circuit(
        cirq.X(first),
        cirq.measure(first, key="m"),
        cirq.X(second).with_classical_controls("m"),
        cirq.measure(second, key="n"),
    )
    assert _only(program.to_qasm(version="3.0")) == "1 1"


def test_programs_that_qiskit_writes_are_accepted() -> None:
    program = QuantumCircuit(3, 3)
    for gate in (iSwapGate(), iSwapGate().inverse()):
        program.append(gate, [0, 1])
    program.append(QFTGate(3), [0, 1, 2])
    program.append(QFTGate(3).inverse(), [0, 1, 2])
    program.u(3.141592653589793, 0, 3.141592653589793, 2)
    program.measure(range(3), range(3))
    assert _only(qasm3.dumps(program)) == "100"
