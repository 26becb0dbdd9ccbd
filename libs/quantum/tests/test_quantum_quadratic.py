"""Quadratic problems: what is read, what is refused, and that no backend for gates takes one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_quantum import CircuitError, DoesNotFit, Limits, open_backend, parse, profile, write_circuit
from queuebit_quantum.quadratic import load

PROBLEM: dict[str, Any] = {
    "qubo": "v1", "variables": 3, "linear": [[0, -1.5], [2, 1]], "quadratic": [[2, 0, 2], [1, 2, -3]], "offset": 0.5,
}  # fmt: skip


def text(**changed: object) -> str:
    return json.dumps({**PROBLEM, **changed})


def test_a_problem_is_a_program_without_gates() -> None:
    circuit = parse(text())
    assert (circuit.language, circuit.num_qubits, circuit.registers, circuit.touched) == ("qubo", 3, (3,), (0, 1, 2))
    assert circuit.features == {"qubo"}
    assert not circuit.gates
    assert circuit.problem is not None
    assert circuit.problem.linear == ((0, -1.5), (2, 1.0))
    assert circuit.problem.quadratic == ((0, 2, 2.0), (1, 2, -3.0))
    found = profile(circuit)
    assert (found.qubits, found.clbits, sorted(found.features)) == (3, 3, ["qubo"])
    assert write_circuit(circuit) == b"", "another process reads its source again"
    assert parse(text(offset=1)).digest != circuit.digest


@pytest.mark.parametrize("backend", ["aer", "cirq"])
def test_a_backend_for_gates_refuses_it(backend: str) -> None:
    with pytest.raises(DoesNotFit, match="lacks the feature qubo"):
        open_backend(backend).compile(parse(text()), 1)


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        (text(qubo="v2"), "header", "the field qubo is not 'v1'"),
        (text(constraints=[]), "unsupported", "unknown field 'constraints'"),
        (text(variables=0), "syntax", "variables is no whole number"),
        (text(variables=True), "syntax", "variables is no whole number"),
        (text(variables=10**6), "syntax", "variables is no whole number"),
        (text(linear=[[3, 1]]), "index", r"linear\[0\] names a variable that is not there"),
        (text(linear=[[-1, 1]]), "index", r"linear\[0\] names a variable that is not there"),
        (text(linear=[[0, 1], [0, 2]]), "redefined", "linear has a term twice"),
        (text(quadratic=[[0, 1, 1], [1, 0, 2]]), "redefined", "quadratic has a term twice"),
        (text(quadratic=[[1, 1, 1]]), "index", r"quadratic\[0\] has a variable twice"),
        (text(quadratic=[[0, 1]]), "syntax", r"quadratic\[0\] is no term"),
        (text(quadratic={"0": 1}), "syntax", "quadratic is no list"),
        (text(offset="1"), "syntax", "offset is no number"),
        (text(linear=[[0, 1e300]]), "syntax", r"factor of linear\[0\]"),
        (text(linear=[[0, 10**400]]), "syntax", r"factor of linear\[0\]"),
        ('{"qubo": "v1", "variables": 1, "offset": NaN}', "syntax", "offset is no number"),
        (text(offset=10**400), "syntax", "offset is no number"),
        (text(linear=[[0, -(10**400)]]), "syntax", r"factor of linear\[0\]"),
        (text(linear=[[10**400, 1]]), "index", r"linear\[0\] names a variable that is not there"),
        ('{"qubo": "v1", "variables": ' + "9" * 5_000 + "}", "syntax", "it is no JSON that can be read"),
        ('{"qubo": "v1", "qubo": "v1"}', "syntax", "a field is given twice"),
        ('{"qubo": "v1",\n "variables": }', "syntax", "line 2, column 15: it is no JSON"),
        ('{"qubo": ' + "[" * 100_000, "syntax", "it is no JSON"),
    ],
)
def test_a_wrong_problem_is_refused_by_name(source: str, code: str, expected: str) -> None:
    with pytest.raises(CircuitError, match=expected) as refused:
        parse(source)
    assert refused.value.code == code


def test_a_large_problem_is_refused_before_it_is_read() -> None:
    with pytest.raises(CircuitError, match="bytes") as refused:
        load(b"{" + b" " * 100, Limits(max_source_bytes=50))
    assert refused.value.code == "too_large"


def test_it_has_no_parameters_and_no_observables() -> None:
    with pytest.raises(CircuitError) as refused:
        parse(text(), parameters={"a": 1.0})
    assert refused.value.code == "parameter"
    with pytest.raises(CircuitError, match="observables"):
        parse(text(), measured=False)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda it: st.lists(it) | st.dictionaries(st.text(), it),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    for changed in ({name: value} for name in PROBLEM):
        try:
            parse(text(**changed))
        except CircuitError:
            continue
