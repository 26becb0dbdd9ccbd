"""Values for the inputs of a circuit: bound by name, and refused with a reason."""

from __future__ import annotations

import math

import pytest

from queuebit_contracts.program import MAX_ITEMS
from queuebit_kernel import digest
from queuebit_quantum import (
    CircuitError,
    InProcess,
    Input,
    Outcome,
    WorkItem,
    inputs,
    open_backend,
    parameter_faults,
    parse,
    representatives,
)

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
ALL = (
    HEAD
    + "input float[64] t; input angle[20] a; input int[8] n; input uint k; input bool x; input bit[3] b; input bit c;"
    "qubit[3] q; bit[3] m;"
    "for int i in [1:n] { ry(t) q[0]; } if (x) { x q[1]; } if (b[0] ^ c) { x q[2]; } rz(a) q[k]; m = measure q;"
)
GIVEN: dict[str, bool | int | float | str] = {"t": math.pi / 2, "a": 1, "n": 2, "k": 1, "x": True, "b": "110", "c": 1}


def counts(source: str, **given: bool | int | float | str) -> dict[str, int]:
    circuit = parse(source, parameters=given)
    aer = open_backend("aer")
    assert isinstance(aer, InProcess)
    return dict(aer.run(WorkItem(aer.compile(circuit, 1), 100, 1)).counts)


def test_every_type_of_input_takes_its_value() -> None:
    assert [(it.name, it.kind, it.size) for it in inputs(ALL)] == [
        ("t", "float", 64), ("a", "angle", 20), ("n", "int", 8), ("k", "uint", None),
        ("x", "bool", None), ("b", "bit", 3), ("c", "bit", None),
    ]  # fmt: skip
    assert counts(ALL, **GIVEN) == {"111": 100}
    assert counts(ALL, **{**GIVEN, "n": 0, "x": False, "b": "111"}) == {"000": 100}


def test_bindings_of_one_source_are_independent() -> None:
    """The syntax tree is cached between bindings; no binding may change it."""
    angles = [0.0, math.pi, 0.0, math.pi]
    found = [counts(HEAD + "input float t; qubit q; bit m; rx(t) q; m = measure q;", t=it) for it in angles]
    assert found == [{"0": 100}, {"1": 100}, {"0": 100}, {"1": 100}]


def test_a_sweep_of_ten_thousand_values_is_compiled_once() -> None:
    """As many as a program may have: each circuit is its template with another angle, and has its own digest."""
    source = HEAD + "input float t; qubit[2] q; bit[2] c; rx(t) q[0]; cx q[0], q[1]; c = measure q;"
    aer, step = open_backend("aer"), math.pi / (MAX_ITEMS - 1)
    found = [aer.compile(parse(source, parameters={"t": number * step}), 1) for number in range(MAX_ITEMS)]
    assert len({it.circuit_digest for it in found}) == MAX_ITEMS
    assert len({id(it.template) for it in found[1:]}) == 1, "the first angle is 0, and its gate is removed"
    first, last = aer.collect(aer.submit([WorkItem(it, 100, 1) for it in (found[0], found[-1])], "sweep"))
    assert [it.counts for it in (first, last) if isinstance(it, Outcome)] == [{"00": 100}, {"11": 100}]


def test_a_digest_names_the_source_with_its_parameters() -> None:
    source = HEAD + "input float t; qubit q; bit m; rx(t) q; m = measure q;"
    one, other = (parse(source, parameters={"t": it}).digest for it in (1, 1.5))
    assert len({one, other, digest(source.encode())}) == 3
    assert parse(source, parameters={"t": 1}).digest == one
    plain = HEAD + "qubit q; bit m; m = measure q;"
    assert parse(plain, parameters={}).digest == digest(plain.encode())


WRONG: dict[str, tuple[dict[str, bool | int | float | str | None], str]] = {
    "missing": ({"t": None}, "no value is given for t"),
    "unknown": ({"theta": 1}, "the circuit has no input theta: its inputs are t, a, n, k, x, b, c"),
    "text for a number": ({"t": "01"}, "input t is of type float[64] and cannot be '01'"),
    "truth for a number": ({"t": True}, "input t is of type float[64] and cannot be True"),
    "infinite": ({"a": math.inf}, "input a is of type angle[20] and cannot be inf"),
    "fraction": ({"n": 1.5}, "input n is of type int[8] and cannot be 1.5"),
    "too large": ({"n": 128}, "input n is of type int[8] and cannot be 128"),
    "negative": ({"k": -1}, "input k is of type uint and cannot be -1"),
    "too few bits": ({"b": "11"}, "input b is of type bit[3] and cannot be '11'"),
    "no bit": ({"c": 2}, "input c is of type bit and cannot be 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_parameter_is_reported_by_name(name: str) -> None:
    change, fault = WRONG[name]
    given = {name: value for name, value in {**GIVEN, **change}.items() if value is not None}
    with pytest.raises(CircuitError) as refusal:
        parse(ALL, parameters=given)
    assert refusal.value.code == "parameter"
    assert refusal.value.message.startswith(fault)


def test_all_faults_are_reported_together() -> None:
    faults = parameter_faults(inputs(ALL), {**GIVEN, "t": "1", "n": 0.5, "y": 1, "z": 1})
    assert len(faults) == 4


def test_version_2_and_unsupported_types_have_no_parameters() -> None:
    old = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1]; creg c[1]; measure q -> c;'
    assert inputs(old) == ()
    with pytest.raises(CircuitError, match="declares no `input`"):
        parse(old, parameters={"t": 1})
    assert "complex" in parameter_faults((Input("z", "complex"),), {"z": 1})[0]


def test_a_value_outside_the_range_of_a_function_is_reported_at_its_use() -> None:
    source = HEAD + "input float t;\nqubit q; bit m; ry(sqrt(t)) q; m = measure q;"
    assert parse(source, parameters={"t": 0.25}).gates["ry"] == 1
    with pytest.raises(CircuitError) as refusal:
        parse(source, parameters={"t": -1})
    assert (refusal.value.line, refusal.value.code) == (4, "parameter")


def test_representatives_cover_all_bindings() -> None:
    declared = (Input("t", "float"), Input("n", "int"))
    sweep = [{"t": step / 10, "n": step % 2} for step in range(20)]
    groups = representatives(declared, sweep)
    assert [{count for _, count in group} for group in groups] == [{10}, {10}]
    for parity, group in enumerate(groups):
        assert all(given["n"] == parity for given, _ in group)
        times = [given["t"] for given, _ in group]
        assert {0.1 * parity, (18 + parity) / 10} < {*times}, "the smallest and the largest value"
    assert representatives(declared, [{"t": 0.0, "n": 1}]) == [[({"t": 0.0, "n": 1}, 1)]]
