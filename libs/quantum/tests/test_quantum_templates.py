"""Circuits of a sweep come from a template, and are the circuits that each would be if it were expanded alone."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from queuebit_quantum import Basis, Circuit, CircuitError, Limits, WorkItem, measured_in, parse, prepare
from queuebit_quantum.aer import Aer
from queuebit_quantum.circuits import circuit_of
from queuebit_quantum.compiling import same_steps
from queuebit_quantum.qasm3 import load
from queuebit_quantum.tokens import read

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; input angle[20] b; input float c;\n'
DEFINED = "gate own(x, y) r { ry(x) r; U(x, y, x + y) r; } def two(float t, qubit r) { rx(2 * t) r; rz(t) r; }\n"
EXPRESSIONS = ("a", "b", "2*a", "a/2 + b", "-b", "sin(a)*b", "a - pi/3", "0.5", "0", "c*3", "a*b", "sqrt(c*c)", "a**2")
GATES = (
    *("rx({x}) q[0];", "ry({x}) q[1];", "rz({x}) q[0];", "p({x}) q[1];", "h q[0];", "sx q[1];", "cx q[0], q[1];"),
    *("U({x},{y},{z}) q[0];", "u3(0,{y},{z}) q[1];", "u2({y},{z}) q[0];", "cu({x},{y},{z},{x}) q[1], q[2];"),
    *("crz({x}) q[0], q[1];", "ctrl(2) @ ry({x}) q[0], q[1], q[2];", "negctrl @ U({x},{y},{z}) q[2], q[0];"),
    *("own({x}, {y}) q[0];", "ctrl @ own({x}, {y}) q[1], q[0];", "inv @ own({x}, {y}) q[1];", "two({x}, q[2]);"),
    *("gphase({x});", "ctrl @ gphase({x}) q[1];", "pow(2) @ rz({x}) q[0];", "pow(0.5) @ rx({x}) q[1];"),
    *("d += {x}; rz(d) q[0];", "if (a > 1) {{ x q[0]; }}", "for float f in {{{x}, {y}}} {{ ry(f) q[2]; }}"),
)
SPECIAL = (0.0, math.pi, math.tau, 2 * math.tau, -math.pi / 2, 1e-9)
"""Angles at which a compiler may drop a gate."""


def alone(source: str, values: Mapping[str, float]) -> Circuit:
    """The circuit expanded by itself, without a template."""
    loaded = load(read(source, Limits()), Limits(), values)
    return circuit_of(loaded, parse(source, parameters=values).digest, "openqasm3")


def program(rng: random.Random) -> str:
    steps = (
        rng.choice(GATES).format(**{it: rng.choice(EXPRESSIONS) for it in "xyz"}) for _ in range(rng.randint(1, 8))
    )
    return f"{HEAD}{DEFINED}qubit[3] q; bit[3] m; float d = a * 2;\n{' '.join(steps)}\nm = measure q;"


@pytest.mark.parametrize("seed", range(5))
def test_a_circuit_of_a_template_is_the_circuit_alone_in_everything(seed: int) -> None:
    rng, backend, other = random.Random(seed), Aer(), Aer()
    from_templates = unchanged = 0
    for _ in range(12):
        source = program(rng)
        for _ in range(3):
            values = {it: rng.choice((*SPECIAL, *(rng.uniform(-7, 7) for _ in SPECIAL))) for it in "abc"}
            circuit, expected = parse(source, parameters=values), alone(source, values)
            assert circuit == expected
            assert same_steps(circuit.quantum_circuit, expected.quantum_circuit), source
            compiled, known = backend.compile(circuit, 5), other.compile(expected, 5)
            assert compiled == known
            assert same_steps(compiled.program, known.program), source
            work, theirs = (WorkItem(it, 100, 7, memory=True) for it in (compiled, known))
            prepare(backend, [work, replace(work, seed=8)])
            drawn, ran = backend.run(work), other.run(theirs)
            assert (drawn.counts, drawn.memory) == (ran.counts, ran.memory), source
            from_templates += circuit.template is not None
            unchanged += compiled.template is not None
    assert from_templates
    assert from_templates > unchanged


ANSATZ = HEAD + "qubit[2] q; bit[2] m; ry(a) q[0]; rx(b) q[1]; cx q[0], q[1]; rz(c/2) q[1]; m = measure q;"


def test_a_sweep_is_compiled_once_and_sampled_as_each_circuit_alone() -> None:
    sweep, single = Aer(), Aer()
    given = [{"a": 0.1 * it, "b": 0.2 * it, "c": 1.0 + it} for it in range(1, 30)]
    circuits = [parse(ANSATZ, parameters=it) for it in given]
    works = [WorkItem(sweep.compile(it, 3), 500, seed, memory=True) for seed, it in enumerate(circuits)]
    assert len({id(it.compiled.template) for it in works}) == 1
    assert works[0].compiled.template is not None
    prepare(sweep, works)
    for work, values in zip(works, given, strict=True):
        compiled = single.compile(alone(ANSATZ, values), 3)
        assert single.run(replace(work, compiled=compiled)).memory == sweep.run(work).memory


def test_a_rotation_that_the_compiler_drops_is_compiled_alone() -> None:
    whole = {"a": 0.0, "b": 1.0, "c": 2 * math.tau}
    compiled = Aer().compile(parse(ANSATZ, parameters=whole), 3)
    assert compiled.template is None
    assert compiled.program.count_ops() == {"rx": 1, "cx": 1, "measure": 2}


def test_observables_are_measured_in_the_template() -> None:
    basis = Basis("XY", ())
    given = {"a": 0.3, "b": 1.1, "c": 2.0}
    circuit, expected = measured_in(parse(ANSATZ, parameters=given), basis), measured_in(alone(ANSATZ, given), basis)
    assert circuit.template is not None
    assert circuit == expected
    assert same_steps(circuit.quantum_circuit, expected.quantum_circuit)
    with pytest.raises(CircuitError, match="has 3 letters, and the circuit has 2 qubits"):
        measured_in(parse(ANSATZ, parameters=given), Basis("XYZ", ()))


WRONG = {
    "an angle that is too large": ("ry(a * 1e300) q;", 1e-300, 1.0, "has no exact angle"),
    "no number": ("ry(log(a)) q;", 1.0, -1.0, "the argument is outside the function's range"),
    "division by zero": ("ry(1 / a) q;", 1.0, 0.0, "division by zero"),
    "a number that is not real": ("ry(a ** 0.5) q;", 1.0, -1.0, "the angle is not a real number"),
    "an angle that is not finite": ("ry(a * 1e308 * 10) q;", 1e-308, 1.0, "is not finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_template_cannot_take_is_refused_as_alone(name: str) -> None:
    step, right, wrong, reason = WRONG[name]
    source = f'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit m; {step} m = measure q;'
    assert parse(source, parameters={"a": right}).template is not None
    with pytest.raises(CircuitError, match=reason) as refused:
        parse(source, parameters={"a": wrong})
    with pytest.raises(CircuitError) as expected:
        circuit_of(load(read(source, Limits()), Limits(), {"a": wrong}), "", "openqasm3")
    assert str(refused.value) == str(expected.value)


DECIDED = {
    "a condition": "if (a > 0.5) { x q; }",
    "a number of turns": "for int i in [0:int(a)] { x q; }",
    "an index": "reset r[int(a)];",
    "an exponent": "pow(a) @ x q;",
    "a delay": "delay[a * 100ns] q;",
    "a Boolean": "bool k = a; if (k) { x q; }",
}


@pytest.mark.parametrize("name", DECIDED)
def test_structure_that_depends_on_a_value_has_no_template(name: str) -> None:
    source = f"{HEAD}qubit q; qubit[2] r; bit m; {DECIDED[name]} m = measure q;"
    for value in (0.0, 1.0):
        given = {"a": value, "b": 0.0, "c": 0.0}
        circuit, expected = parse(source, parameters=given), alone(source, given)
        assert circuit.template is None
        assert circuit == expected
        assert same_steps(circuit.quantum_circuit, expected.quantum_circuit)


def test_whole_numbers_and_truth_belong_to_the_template() -> None:
    source = (
        HEAD
        + "input int n; input bool x; qubit q; bit m; for int i in [1:n] { ry(a) q; } if (x) { x q; } m = measure q;"
    )
    given = {"a": 0.5, "b": 0.0, "c": 0.0}
    gates = [
        dict(parse(source, parameters={**given, "n": n, "x": x}).gates) for n, x in ((1, True), (2, False), (1, False))
    ]
    assert gates == [{"ry": 1, "x": 1, "measure": 1}, {"ry": 2, "measure": 1}, {"ry": 1, "measure": 1}]
