"""Plain OpenQASM 2 is read by a quick reader: as the general one reads it, with the same errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_quantum import Circuit, CircuitError, circuits, parse
from queuebit_quantum.limits import Limits
from queuebit_quantum.plain_qasm2 import load_plain

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
LIMITS = Limits(max_source_bytes=2_000, max_operations=25, max_qubits=8, max_clbits=9)

_NAMES = ("q", "c", "r", "e5", "own0", "own1", "x", "pi", "inc", "U", "measure", "Q_1", "a")
_GATES = ("h", "x", "cx", "rz", "u2", "u3", "cu1", "ccx", "rzz", "U", "CX", "c3x", "u0", "barrier", "reset", "foo", "q")
_ANGLES = (
    *("0.5", "pi/2", "-pi", "3*pi/4", "1e-05", "2.", ".5", "+1", "0.1+pi-2", "1.e5", "1e400", "9" * 18, "9" * 19),
    *("(pi)", "sin(0.1)", "1/0", "pi^2", "0x10", "1_0", "2 * pi / 3", "pi pi", "", "-", "1e5e5", "1.5.2", "2pi"),
)
_GAPS = st.sampled_from(["", " ", "\n", " // a comment; with q[0]\n", "\t", "/* other */", "\u00e9", "\x0b"])


_SIGNATURES = {
    "h": (0, 1), "rz": (1, 1), "u2": (2, 1), "u3": (3, 1), "U": (3, 1), "CX": (0, 2), "cx": (0, 2), "cu1": (1, 2),
    "rzz": (1, 2), "ccx": (0, 3), "barrier": (0, 2), "reset": (0, 1),
}  # fmt: skip
"""How many angles and qubits each takes."""


@st.composite
def plain_statements(draw: st.DrawFn) -> str:
    """Statements without a fault, on the registers that each program has."""
    gate = draw(st.sampled_from([*_SIGNATURES, "measure", "all"]))
    if gate == "measure":
        return f"measure q[{draw(st.integers(0, 2))}] -> c[{draw(st.integers(0, 2))}];"
    if gate == "all":
        return draw(st.sampled_from(["h q;", "barrier q;", "reset q;", "measure q->c;", "rz( pi ) q ;"]))
    angles, qubits = _SIGNATURES[gate]
    written = draw(st.lists(st.sampled_from(_ANGLES[:9]), min_size=angles, max_size=angles))
    on = draw(st.permutations([f"q[{it}]" for it in range(3)]))[:qubits]
    return f"{gate}{'(' + ','.join(written) + ')' if written else ''} {', '.join(on)};"


@st.composite
def odd_statements(draw: st.DrawFn) -> str:
    """Statements of which most have a fault, or need the general reader."""
    one = draw(st.integers(0, 9))

    def bits() -> str:
        return draw(st.sampled_from(_NAMES)) + draw(st.sampled_from(["[0]", "[1]", "[ 1 ]", "", "[9]"]))

    if one < 2:
        return f"{draw(st.sampled_from(['qreg', 'creg']))} {draw(st.sampled_from(_NAMES))}[{draw(st.integers(0, 4))}];"
    if one == 2:
        return f"measure {bits()} -> {bits()};"
    if one < 5:
        return draw(
            st.sampled_from(["gate foo a { x a; }", "if (c == 1) x q[0];", HEADER, "opaque foo a;", ";", "x q[0]", "}"])
        )
    angles = draw(st.lists(st.sampled_from(_ANGLES), max_size=3))
    brackets = f"({draw(st.sampled_from([',', ', '])).join(angles)})" if angles else ""
    on = ", ".join(bits() for _ in range(draw(st.integers(1, 3))))
    return f"{draw(st.sampled_from(_GATES))}{brackets} {on};"


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Programs of which about half are plain, and the others have one fault or two."""
    start = draw(st.sampled_from([HEADER] * 6 + ["OPENQASM 2.0;\n", "// made by hand\n" + HEADER, "\ufeff" + HEADER]))
    text = start + "qreg q[3]; creg c[3];\n"
    odd = draw(st.integers(0, 2)) == 0
    for statement in draw(st.lists(plain_statements(), max_size=8)):
        text += statement + draw(_GAPS if draw(st.integers(0, 19)) == 0 else st.just("\n"))
        if odd and draw(st.integers(0, 2)) == 0:
            text += draw(odd_statements())
    text += draw(st.sampled_from(["measure q -> c;", "measure q -> c;", ""]))
    if draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(["", ";", "[", "own0", "1", "\u0663", "("])) + text[place + 1 :]
    return text


def outcome(text: str, limits: Limits) -> object:
    """Everything that a circuit is, or everything that its refusal says."""
    try:
        found = parse(text, limits)
    except CircuitError as error:
        return error.message, error.line, error.column, error.expected, error.code
    plain = {it.name: getattr(found, it.name) for it in fields(Circuit) if it.name != "quantum_circuit"}
    registers = [(it.name, it.size) for it in (*found.quantum_circuit.qregs, *found.quantum_circuit.cregs)]
    return plain, registers, found.quantum_circuit


def generally(text: str, limits: Limits, patch: pytest.MonkeyPatch) -> object:
    with patch.context() as without:
        without.setattr(circuits, "load_plain", lambda *_: None)
        return outcome(text, limits)


def test_the_quick_reader_reads_as_the_general_one(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bool] = []

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(programs())
    def compare(text: str) -> None:
        read.append(load_plain(text, LIMITS) is not None)
        assert outcome(text, LIMITS) == generally(text, LIMITS, monkeypatch)

    compare()
    assert 0.15 < sum(read) / len(read) < 0.85, "both readers are needed"


@pytest.mark.parametrize(
    "body",
    [
        "qreg q[2]; creg c[2]; h q[0];\n// h q; own0\ncx q[0],q[1]; measure q -> c;",
        "qreg x2[1];creg c[1];u3(-pi/2,1e-05,.5)x2[0];barrier x2;reset x2;measure x2[0]->c[0];",
        "qreg a[2]; qreg b[2]; creg c[2]; cx a, b; rzz(0.1) a[0], b[1]; measure b -> c;",
        "",
    ],
)
def test_plain_programs_are_read_quickly(body: str) -> None:
    assert load_plain(HEADER + body, Limits()) is not None


@pytest.mark.parametrize(
    "body",
    [
        "qreg e5[1]; creg c[1]; rz(1.e5) e5[0]; measure e5 -> c;",
        "qreg x[1]; creg c[1]; x x[0]; measure x -> c;",
        "qreg q[1]; creg c[1]; x own0[0]; measure q -> c;",
        "qreg q[1]; creg c[1]; u0(3) q[0]; measure q -> c;",
        "qreg q[1]; creg c[1]; if (c == 0) x q[0]; measure q -> c;",
        "qreg q[1]; creg c[1]; rx q[0]; measure q -> c;",
        "qreg q[1]; qreg q[1];",
        "qreg q[5000];",
        "qreg q[4096]; creg c[1];" + "h q;" * 245,
        "qreg q[1]; h q[1];",
        'qreg q[1]; include "qelib1.inc";',
    ],
)
def test_what_is_not_plain_is_left_to_the_general_reader(body: str) -> None:
    assert load_plain(HEADER + body, Limits()) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda size: "q," * (size // 2),
        lambda size: " " * size,
        lambda size: "rz(" + " " * size,
        lambda size: "rz(" + "1+" * (size // 2),
        lambda size: "// \n" * (size // 4),
        lambda size: "h q" + " " * size + "[0]",
        lambda size: "q" * size,
    ],
)
def test_hostile_text_takes_no_more_steps_than_it_has_characters(write: Callable[[int], str]) -> None:
    """With a reader that tries again from each character, a megabyte takes days; the limit of a test is 30 s."""
    assert load_plain(HEADER + "qreg q[1]; " + write(1_000_000) + "@", Limits()) is None
