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
    "zero qubits": (QASM3 + "bit c;", None, "the program measures nothing"),
    "zero qubits, 2": (QASM2 + "creg c[1];", None, "the program measures nothing"),
    "a register of zero qubits": (QASM3 + "qubit[0] q;", 3, "a size of 0"),
    "a gate that is not unitary": (QASM3 + "gate g a { reset a; }\nqubit q; g q;", 3, "a non-unitary 'reset'"),
    "a gate that is not unitary, 2": (QASM2 + "gate g a { reset a; }\nqreg q[1]; g q;", 3, "reset"),
    "a matrix that is not unitary": (
        "OPENQASM 3.0;\nqubit q;\n#pragma braket unitary([[1, 0], [0, 2]]) q\nbit c;\nc = measure q;",
        3,
        "the matrix is not unitary",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_place_and_its_name(name: str) -> None:
    source, line, text = BAD[name]
    with pytest.raises(CircuitError) as refusal:
        parse(source)
    assert text in refusal.value.message
    assert refusal.value.line == line
