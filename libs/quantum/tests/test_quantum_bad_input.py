"""Bad input of each kind: the error names the place or the thing, and what would be right."""

import pytest

from queuebit_quantum import CircuitError, parse

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'

BAD = {
    "unsupported gate": (QASM3 + "qubit[2] q;\niswap q[0], q[1];", 4, "gate 'iswap' is one of Amazon Braket's"),
    "unsupported gate, 2": (QASM2 + "qreg q[2];\niswap q[0], q[1];", 4, "'iswap' is not defined in this scope"),
    "unbound parameter": (QASM3 + "input float theta;\nqubit q; rx(theta) q;", 3, "no value is given for theta"),
    "unbound parameter, 2": (QASM2 + "qreg q[1];\nrx(theta) q[0];", 4, "'theta' is not a parameter"),
    "zero qubits": (QASM3 + "bit c;", 3, "the program measures nothing"),
    "zero qubits, 2": (QASM2 + "creg c[1];", 3, "the program measures nothing"),
    "a register of zero qubits": (QASM3 + "qubit[0] q;", 3, "a size of 0"),
    "a gate that is not unitary": (QASM3 + "gate g a { reset a; }\nqubit q; g q;", 3, "a non-unitary 'reset'"),
    "a gate that is not unitary, 2": (QASM2 + "gate g a { reset a; }\nqreg q[1]; g q;", 3, "reset"),
    "a long size": (QASM2 + f"qreg q[{'9' * 19}];", 3, "the number is too long"),
    "a long number to compare with": (QASM2 + f"creg c[1];\nif (c == {'9' * 1_235}) x q[0];", 4, "number is too long"),
    "a long number to compare with, 3": (QASM3 + f"bit c;\nif (c == {'9' * 19}) {{ }}", 4, "the number is too long"),
    "a matrix that is not unitary": (
        "OPENQASM 3.0;\nqubit q;\n#pragma braket unitary([[1, 0], [0, 2]]) q\nbit c;\nc = measure q;",
        3,
        "the matrix is not unitary",
    ),
}

WHOLE = {
    "no measurement": (QASM3 + "qubit q;\nx q;\n\n// the end\n", 4, 4, "measures nothing"),
    "no measurement, 2": (QASM2 + "qreg q[1];\nx q[0]; ", 4, 7, "measures nothing"),
    "an angle": (QASM3 + "qubit[2] q;\nctrl @ rz(1.0) q[0], q[1];\n  rx(1e300) q;", 5, 3, "has no exact angle"),
    "an angle in a definition": (QASM3 + "gate g(a) t {\n  rx(a * 1e200) t;\n}\nqubit q;\ng(1e99) q;", 7, 1, "angle"),
    "a controlled phase": (QASM3 + "qubit q;\nctrl @ gphase(1e30) q;", 4, 1, "has no exact angle"),
    "an angle, 2": (
        QASM2 + "gate g(a) t { rx(a) t; } qreg q[2]; creg c[2];\nbarrier q; g(1) q; measure q -> c;\n"
        "if (c == 1) rz(1) q;\nif (c == 1)\n g(1e200) q[0];",
        6,
        1,
        "has no exact angle",
    ),
    "an angle without a condition, 2": (QASM2 + "qreg q[2];\nh q; barrier q;\nu1(1e18) q;", 5, 1, "no exact angle"),
    "a delay": (QASM3 + "qubit q;\ndelay[2s] q;", 4, 1, "longer than 1 s"),
    "phases": (QASM3 + "qubit q; bit c;\ngphase(1e308); gphase(1e308);\nc = measure q;", 4, 1, "is not finite"),
    "a result": (QASM3 + "qubit q;\n#pragma braket result probability\n", 4, 2, "asks for a result"),
    "a long source": (QASM3 + "qubit q;\n" + "x q;\n" * 210_000, 209_709, 5, "bytes, more than"),
    "a text that is no text": (QASM3 + "qubit q;\n // \ud800", 4, 5, "not valid Unicode"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_wrong_with_the_whole_program_has_a_place_too(name: str) -> None:
    source, line, column, text = WHOLE[name]
    with pytest.raises(CircuitError) as refusal:
        parse(source)
    assert text in refusal.value.message
    assert (refusal.value.line, refusal.value.column) == (line, column)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_place_and_its_name(name: str) -> None:
    source, line, text = BAD[name]
    with pytest.raises(CircuitError) as refusal:
        parse(source)
    assert text in refusal.value.message
    assert refusal.value.line == line
