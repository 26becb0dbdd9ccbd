"""Sources that are too much, without end or damaged: each is refused at once, with a fault of its own."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_quantum import CircuitError, Limits, parse

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
END2 = "creg c[1]; measure q[0] -> c[0];"


def _doubling(levels: int, parameter: str) -> str:
    used, given_ = (f"({parameter})", f"({parameter})") if parameter else ("", "")
    first = f"gate g0{used} a {{ rx(1) a; rx(1) a; }}\n"
    return first + "".join(
        f"gate g{i}{used} a {{ g{i - 1}{given_} a; g{i - 1}{given_} a; }}\n" for i in range(1, levels)
    )


@pytest.mark.parametrize("parameter", ["", "t"])
@pytest.mark.parametrize("version", [2, 3])
def test_nested_definitions_are_counted_not_expanded(version: int, parameter: str) -> None:
    head, register = (QASM2, "qreg q[1];" + END2) if version == 2 else (QASM3, "qubit[1] q; bit c; c = measure q[0];")
    started = time.monotonic()
    with pytest.raises(CircuitError) as refusal:
        parse(head + _doubling(60, parameter) + register)
    assert refusal.value.code == "too_many_operations"
    assert "1,048,576 operations" in refusal.value.message
    assert time.monotonic() - started < 10, "counting is linear in the source"


TOO_MUCH = {
    "loop": ("qubit q; for int i in [0:999999999] { h q; }", "too_many_operations"),
    "loops in loops": ("qubit q; " + "for int i in [1:1000] { " * 9 + "h q; " + "}" * 9, "too_many_operations"),
    "empty loop": ("qubit q; for int i in [1:100000000] { }", "too_many_operations"),
    "broadcast": ("qubit[4000] q; for int i in [1:1000] { h q; }", "too_many_operations"),
    "qubits": ("qubit[1000000000] q;", "too_large"),
    "computed qubits": ("qubit[10000 * 100000] q;", "too_large"),
    "bits": ("bit[1000000000] c;", "too_large"),
    "sum of registers": ("qubit[4000] q; qubit[4000] r;", "too_large"),
    "physical qubit": ("h $999999999;", "too_large"),
    "integer": ("qubit[99999999999999999999999] q;", "too_large"),
    "exponent": ("qubit q; rx(1e99999999) q;", "too_large"),
    "controls": ("qubit[2] q; ctrl(1000000) @ x q[0], q[1];", "too_large"),
    "controlled phase": ("qubit[2] q; ctrl(1000000) @ gphase(1) q[0], q[1];", "too_large"),
    "brackets": ("qubit q; rx(" + "(" * 5000 + "1" + ")" * 5000 + ") q;", "too_deep"),
    "signs": ("qubit q; rx(" + "-" * 5000 + "1) q;", "too_deep"),
    "sum": ("qubit q; rx(" + "1+" * 5000 + "1) q;", "too_deep"),
    "blocks": ("qubit q; bit c; " + "if (c) { " * 500 + "}" * 500, "too_deep"),
    "infinite angle": ("qubit q; bit c; rx(1e300 * 1e300) q; c = measure q;", "parameter"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_programs_that_are_too_large_are_refused_before_expansion(name: str) -> None:
    body, code = TOO_MUCH[name]
    with pytest.raises(CircuitError) as refusal:
        parse(QASM3 + body)
    assert refusal.value.code == code, str(refusal.value)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("qreg q[1000000000];", "too_large"),
        ("qreg q[99999999999999999999999];", "too_large"),
        ("qreg q[1]; rx(" + "(" * 100_000 + "1" + ")" * 100_000 + ") q[0];", "too_deep"),
        ("qreg q[1]; u0(1000000000) q[0];", "undefined"),
        ("qreg q[1]; rx(1e400) q[0];" + END2, "parameter"),
        ("gate g0 a { x a; }" + "".join(f"gate g{i} a {{ g{i - 1} a; }}" for i in range(1, 100)), "too_deep"),
    ],
)
def test_programs_of_version_2_that_are_too_large_are_refused(body: str, code: str) -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(QASM2 + body)
    assert refusal.value.code == code


def test_a_broadcast_past_the_limit_is_refused() -> None:
    with pytest.raises(CircuitError, match="1,100 operations"):
        parse(QASM2 + "qreg q[100];" + "h q;" * 11, Limits(max_operations=1_000))


def test_the_size_limit_counts_bytes() -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(QASM2 + "//" + "é" * 600_000)
    assert refusal.value.code == "too_large"


HOSTILE = {
    "empty gates that double": (
        "gate g0 a { } " + "".join(f"gate g{n + 1} a {{ g{n} a; g{n} a; }} " for n in range(40)),
        "too_many_operations",
    ),
    "barriers that double": (
        "gate g0 a { barrier a; } " + "".join(f"gate g{n + 1} a {{ g{n} a; g{n} a; }} " for n in range(40)),
        "too_many_operations",
    ),
    "a loop over nothing, 3": ("for int i in [0:1000000000] { }", "too_many_operations"),
    "a loop of floats, 3": ("qubit q; for int i in [0:1e9] { x q; }", "unsupported"),
    "a digit that is none": ("qreg q[\u00b2];", "syntax"),
    "a physical qubit that is none, 3": ("x $\u00b2;", "syntax"),
    "powers that double, 3": (
        "gate g0 a { x a; h a; } "
        + "".join(f"gate g{n + 1} a {{ pow(2) @ g{n} a; }} " for n in range(40))
        + "qubit q; g40 q;",
        "too_many_operations",
    ),
    "a subroutine that calls itself, 3": ("def f(qubit a) { f(a); } qubit q; f(q);", "too_deep"),
    "numbers that grow, 3": ("int i = 3; while (true) { i = i * i; }", "too_large"),
    "a power of integers, 3": ("int i = 9 ** 999999999;", "too_large"),
    "registers that double, 3": (
        "qubit q; let a0 = q ++ q; " + "".join(f"let a{n + 1} = a{n} ++ a{n}; " for n in range(40)),
        "too_large",
    ),
    "arrays within loops, 3": ("for int i in [0:99999] { bit[60000] d; }", "too_many_operations"),
    "wide conditions, 3": (
        "qubit[4000] q; bit[4000] c; for int i in [0:999] { int n = int(c); if (c == 1) { x q[0]; } }",
        "too_many_operations",
    ),
    "controls by a constant, 3": ("const int n = 1000; qubit[2] q; ctrl(n) @ x q[0], q[1];", "too_large"),
    "a division by a float of zero, 3": ("qubit q; rx(mod(1.0, 0.0)) q;", "parameter"),
    "a delay of eons, 3": ("qubit q; bit c; delay[999999999999999999s] q; c = measure q;", "parameter"),
    "a delay without a finite length, 3": ("qubit q; delay[1e308dt * 1e308] q;", "parameter"),
    "a duration times a huge integer, 3": ("qubit q; delay[1ns * (1 << 2000)] q;", "parameter"),
    "a dimension of eons, 3": ("array[int, 2] a; int n = sizeof(a, 999999999999);", "arguments"),
    "comments that never close, 3": ("/* " * 300_000, "syntax"),
    "a name of half a million letters": (f"qreg own{'n' * 500_000}[1];", "no_measurement"),
    "global phases without a finite sum, 3": (
        "qubit q; bit c; gphase(1e308); gphase(1e308); c = measure q;",
        "parameter",
    ),
    "global phases in a condition, 3": (
        "qubit q; bit c; c = measure q; if (c) { gphase(1e308); gphase(1e308); x q; } c = measure q;",
        "parameter",
    ),
    "an angle that is none, 3": ("qubit q; bit c; U(1e300, 0, 0) q; c = measure q;", "parameter"),
    "an angle that is none": ("qreg q[1]; creg c[1]; rx(-1e300) q[0]; measure q -> c;", "parameter"),
    "a delay of many cycles, 3": ("qubit q; bit c; delay[999999999999999999dt] q; c = measure q;", "parameter"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_programs_that_never_end_are_refused_at_once(name: str) -> None:
    body, code = HOSTILE[name]
    refusal = _refusal((QASM3 if name.endswith(", 3") else QASM2) + body)
    assert refusal is not None
    assert refusal.code == code


def test_an_endless_loop_stops_at_the_limit() -> None:
    with pytest.raises(CircuitError) as refusal:
        parse(QASM3 + "qubit q; while (true) { x q; }", Limits(max_operations=1_000))
    assert refusal.value.code == "too_many_operations"


LONG = "g" * 100_000


@pytest.mark.parametrize(
    "source",
    [
        QASM2 + f"qreg q[1]; {LONG} q[0];",
        QASM2 + f"qreg q[1]; h {LONG}[0];",
        QASM2 + f"qreg {LONG}[9999999];",
        QASM2 + f"gate {LONG} a {{ {LONG}h a; }} qreg q[1]; {LONG} q[0], q[0];",
        QASM3 + f"qubit q; {LONG} q;",
        QASM3 + f"qubit {LONG}; h {LONG}[7];",
        QASM3 + f"qubit[{LONG}] q;",
        QASM3 + f"input float {LONG}; qubit q; rx({LONG}) q;",
        QASM3 + f"extern {LONG}(int) -> int;",
    ],
)
def test_an_error_quotes_at_most_500_characters(source: str) -> None:
    refusal = _refusal(source)
    assert refusal is not None
    assert len(refusal.message) <= 500
    assert len(refusal.expected) <= 500
    assert len(str(refusal)) <= 1_100


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_a_damaged_source_raises_no_other_error(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [
                QASM2 + "gate g(t) a { rx(t/2) a; } qreg q[2]; g(pi) q[1]; if (c == 1) x q[0];" + END2,
                QASM3 + "qubit[2] q; bit c; for int i in [0:2] { ctrl @ x q[0], q[1]; } c = measure q[0];",
            ]
        )
    )
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 12)))
    patch = data.draw(st.text(alphabet="q[]{}();,-+*/@>=0195eE.\"' \n$π\x00h", max_size=6))
    refusal = _refusal(good[:start] + patch + good[end:])
    if refusal is not None:
        assert refusal.message
        assert (refusal.line is None) == (refusal.column is None)
        assert refusal.line is None or refusal.line >= 1
        assert refusal.column is None or refusal.column >= 1


def _refusal(source: str) -> CircuitError | None:
    try:
        parse(source)
    except CircuitError as refusal:
        return refusal
    return None
