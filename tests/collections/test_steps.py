"""The second reader of OpenQASM 2 finds the steps of Queuebit's circuit, and sees each kind of difference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from tests.collections.steps import Step, same_steps, steps_of_circuit, steps_of_source
from tests.differential import programs2
from tests.differential.programs import Program

from queuebit_quantum import parse

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
SOURCE = (
    f"{HEAD}gate own(a, b) s, t {{ // two gates\n rx(-a / 2 + sin(b)^2) s; cx s, t; barrier s, t; }}\n"
    "gate twice(a) s, t { own(a, 2 * a) t, s; own(1, 2) s, t; }\n"
    "qreg q[2]; qreg r[2]; creg c[2]; creg d[2];\n"
    "twice(pi / 4) q, r; U(0.1, 0.2, 0.3) r[1]; CX q[0], r;\n"
    "measure q -> c; if (c == 2) own(0.5, 0.6) r[0], q[1]; reset q; if (d == 1) measure r -> d;\n"
)


def _steps(source: str) -> list[Step]:
    return [*steps_of_source(source)]


def test_definitions_broadcasts_and_conditions_are_expanded(tmp_path: Path) -> None:
    path = tmp_path / "a.qasm"
    path.write_text(SOURCE)
    assert same_steps(path).detail == "19 steps are the same"
    assert Step("measure", (), (3,), (3,), ((2, 3), 1)) in _steps(SOURCE)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs2.programs())
def test_random_programs_have_the_same_steps(program: Program) -> None:
    found = steps_of_circuit(parse(program.source, measured=False).quantum_circuit)
    for ours, theirs in zip(found, _steps(program.source), strict=True):
        assert ours._replace(angles=()) == theirs._replace(angles=())
        assert ours.angles == pytest.approx(theirs.angles)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.2", "0.2000001"),
        ("CX q[0], r", "CX q[1], r"),
        ("c == 2", "c == 1"),
        ("if (d == 1)", ""),
        ("reset q", "reset q[0]"),
        ("rx(-a", "ry(-a"),
        ("own(1, 2) s, t;", ""),
        ("measure r -> d;", "measure r -> d; h q;"),
        ("qreg q[2]; qreg r[2];", "qreg r[2]; qreg q[2];"),
    ],
)
def test_each_difference_is_seen(old: str, new: str) -> None:
    assert SOURCE.count(old) == 1
    ours = [*steps_of_circuit(parse(SOURCE, measured=False).quantum_circuit)]
    assert ours != _steps(SOURCE.replace(old, new))


@pytest.mark.parametrize("source", ["OPENQASM 3.0;\nqubit q;", f"{HEAD}qreg q[1];\nrx(a) q;", f"{HEAD}qreg q[1]; h q"])
def test_what_it_does_not_read_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=re.compile("read|statement")):
        _steps(source)
