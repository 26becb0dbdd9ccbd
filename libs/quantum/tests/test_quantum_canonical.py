"""One digest for one circuit, whatever its source looks like."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit

from queuebit_quantum import canonical_digest, joined_digest, parse

BELL = b'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
SAME = {
    "layout and comments": BELL.replace(b"; ", b";\n// next\n"),
    "other names": (
        b'OPENQASM 3.0; include "stdgates.inc"; qubit[2] w; bit[2] out; h w[0]; cx w[0], w[1]; out = measure w;'
    ),
    "a gate of its own": BELL.replace(b"h q[0]", b"gate mine a { h a; } mine q[0]"),
    "OpenQASM 2": (b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'),
}
OTHER = {
    "another gate": BELL.replace(b"h q[0]", b"x q[0]"),
    "another qubit": BELL.replace(b"h q[0]", b"h q[1]"),
    "another angle": BELL.replace(b"h q[0]", b"rx(0.1) q[0]"),
    "a third qubit": BELL.replace(b"qubit[2] q", b"qubit[3] q").replace(b"c = measure q", b"c = measure q[0:1]"),
}


def digest_of(source: bytes) -> str | None:
    return canonical_digest(parse(source).quantum_circuit)


@pytest.mark.parametrize("name", SAME)
def test_the_same_steps_have_one_digest(name: str) -> None:
    assert digest_of(SAME[name]) == digest_of(BELL) is not None


@pytest.mark.parametrize("name", OTHER)
def test_other_steps_have_another(name: str) -> None:
    assert digest_of(OTHER[name]) not in (None, digest_of(BELL))


def test_a_delay_counts_in_its_unit() -> None:
    short = BELL.replace(b"h q[0]", b"delay[100ns] q[0]")
    assert digest_of(short) not in (None, digest_of(short.replace(b"100ns", b"100us")))


def test_a_matrix_has_no_form() -> None:
    circuit = QuantumCircuit(1)
    circuit.unitary(np.eye(2), [0])
    assert canonical_digest(circuit) is None


def test_conditions_and_loops_have_a_form() -> None:
    one = BELL.replace(b"cx q[0], q[1];", b"c[0] = measure q[0]; if (c[0]) { x q[1]; }")
    assert digest_of(one) == digest_of(one.replace(b"x q[1]; }", b"x q[1];\n}")) is not None
    assert digest_of(one) != digest_of(one.replace(b"if (c[0])", b"if (!c[0])"))


def test_what_is_no_circuit_of_qiskit_has_none() -> None:
    assert canonical_digest("program") is None


def test_several_are_joined_in_their_order() -> None:
    one, two = digest_of(BELL), digest_of(OTHER["another gate"])
    assert joined_digest([one]) == one
    assert joined_digest([one, two]) not in (one, two, joined_digest([two, one]))
    assert joined_digest([one, None]) is None
    assert joined_digest([]) is None
