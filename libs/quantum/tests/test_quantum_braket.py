"""Programs of Amazon Braket: its gates, result pragmas, and verbatim boxes; Braket's own simulator is the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from braket.default_simulator import StateVectorSimulator
from braket.default_simulator.gate_operations import BRAKET_GATES
from braket.ir.openqasm import Program
from qiskit.quantum_info import Operator

from queuebit_quantum import (
    Backend,
    CircuitError,
    DoesNotFit,
    Outcome,
    WorkItem,
    asked_results,
    bases,
    measured_in,
    measured_results,
    observables_of,
    open_backend,
    parse,
    require_fit,
    write_circuit,
)

GATES = "#pragma braket gates\n"
ANGLES = {"gpi": 1, "gpi2": 1, "prx": 2, "ms": 3, "U": 3} | dict.fromkeys(
    [
        "rx",
        "ry",
        "rz",
        "phaseshift",
        "cphaseshift",
        "cphaseshift00",
        "cphaseshift01",
        "cphaseshift10",
        "pswap",
        "xy",
        "xx",
        "yy",
        "zz",
    ],
    1,
)
SHOTS = 20_000


def unitary(source: str) -> Any:  # an array
    """Of a program without measurements; the first qubit has the highest place, as Braket has it."""
    return Operator(parse(source, measured=False).quantum_circuit.reverse_bits()).data


@pytest.mark.parametrize("name", sorted(BRAKET_GATES.keys() - {"gphase", "unitary"}))
def test_each_gate_is_that_of_braket_with_its_phase(name: str) -> None:
    angles = [0.3, -1.1, 0.7][: ANGLES.get(name, 0)]
    arity = {"ccnot": 3, "cswap": 3}.get(name, 2 if _pairs(name) else 1)
    expected = BRAKET_GATES[name](tuple(range(arity)), *angles)._base_matrix
    on = ", ".join(f"q[{place}]" for place in range(arity))
    given = f"({', '.join(map(str, angles))})" if angles else ""
    assert unitary(f"qubit[{arity}] q; {name}{given} {on};\n{GATES}") == pytest.approx(expected, abs=1e-9)
    half = len(expected)
    controlled = np.eye(2 * half, dtype=complex)
    controlled[half:, half:] = expected
    found = unitary(f"qubit c; qubit[{arity}] q; ctrl @ {name}{given} c, {on};\n{GATES}")
    assert found == pytest.approx(controlled, abs=1e-9)


def _pairs(name: str) -> bool:
    return name in {"cnot", "cv", "cy", "cz", "ecr", "iswap", "ms", "pswap", "swap", "xx", "xy", "yy", "zz"} or (
        name.startswith("cphaseshift")
    )


def test_a_program_without_such_a_pragma_has_the_gates_of_openqasm_alone() -> None:
    with pytest.raises(CircuitError, match=r"'cnot' is one of Amazon Braket's, .*`#pragma braket gates`"):
        parse('include "stdgates.inc"; qubit[2] q; cnot q[0], q[1];', measured=False)
    assert unitary("qubit q; U(0, 0, 0.5) q;") == pytest.approx(np.diag([1, np.exp(0.5j)]), abs=1e-9)
    own = parse(f"gate cnot a, b {{ U(0, 0, 0) a; }} qubit[2] q; bit c; cnot q[0], q[1]; c = measure q[0];\n{GATES}")
    assert own.two_qubit_gates == 0


PROGRAM = """OPENQASM 3.0;
input float turn;
qubit[3] q;
ry(turn) q[0];
cnot q[0], q[1];
xy(1.3) q[1], q[2];
#pragma braket unitary([[0.6, 0.8], [0.8im, -0.6im]]) q[2]
#pragma braket unitary([[1, 0, 0, 0], [0, 0.6, 0.8, 0], [0, -0.8, 0.6, 0], [0, 0, 0, 1im]]) q[2], q[0]
"""
RESULTS = (
    "probability q[2], q[0]", "probability q[1]", "expectation z(q[0]) @ x(q[1])", "expectation h(q[2])",
    "variance y(q[1])", "variance h(q[0]) @ z(q[2])", "expectation i(q[0]) @ y(q[2])", "variance z(q[0])",
    "expectation hermitian([[1+0im, 0.5-1im], [0.5+1im, -2+0im]]) q[1]",
    "variance hermitian([[1, 0, 0, 2im], [0, -1, 0.5, 0], [0, 0.5, 0, 0], [-2im, 0, 0, 3]]) q[2], q[0]",
    "expectation x(q[0]) @ hermitian([[0, -1im], [1im, 0]]) q[2]",
)  # fmt: skip


@pytest.mark.parametrize("result", RESULTS)
def test_each_result_is_that_of_brakets_own_simulator(result: str) -> None:
    """Braket's is exact. Tolerance: five standard errors; a variance has none, and gets 5% of the largest one."""
    source = f"{PROGRAM}#pragma braket result {result}\n"
    reference = StateVectorSimulator().run(Program(source=source, inputs={"turn": 0.9}), shots=0)
    expected = reference.resultTypes[0].value
    (found,) = measured(source, {"turn": 0.9})
    assert (found["type"], found["of"]) == (result.split(maxsplit=1)[0], result)
    if "shares" in found:
        shares = [
            found["shares"].get(format(place, f"0{int(math.log2(len(expected)))}b")) for place in range(len(expected))
        ]
        for share, exact in zip(shares, expected, strict=True):
            value, error = (share["value"], share["stderr"]) if share else (0.0, 0.0)
            assert value == pytest.approx(exact, abs=5 * error + 1e-3)
    else:
        (value,) = found["values"]
        tolerance = 5 * value["stderr"] if found["type"] == "expectation" else 0.3
        assert value["value"] == pytest.approx(expected, abs=tolerance)


def measured(source: str, parameters: dict[str, float] | None = None) -> list[dict[str, Any]]:
    circuit, backend = parse(source, parameters=parameters or {}, measured=False), open_backend("aer")
    assert asked_results(source) == circuit.results  # what is planned is what is measured
    counted = []
    for basis in bases(observables_of(circuit.results)):
        compiled = backend.compile(measured_in(circuit, basis), seed=1)
        (outcome,) = backend.collect(backend.submit([WorkItem(compiled, SHOTS, 7)], basis.paulis))
        assert isinstance(outcome, Outcome)
        counted.append((basis, outcome.counts))
    return measured_results(circuit.results, counted)


def test_results_of_each_qubit_of_registers_and_of_sums() -> None:
    head = "qubit[2] q; qubit r; x q[1]; x r;\n"
    every, register, factors, sums, samples, shares = measured(
        head + "".join(
            f"#pragma braket result {it}\n"
            for it in (
                "expectation z", "expectation z(q)", "expectation 2 * z(q[0])",
                "variance 2 * z(q[0]) - 3e0 * x(q[1]) + y(r)",
                "sample -0.5 * z(q[0]) @ z(r)", "probability all",
            )
        )
    )  # fmt: skip
    assert [it["value"] for it in every["values"]] == [1, -1, -1]
    assert [it["value"] for it in register["values"]] == [1, -1]
    assert factors["values"][0]["value"] == 2
    assert sums["values"][0]["value"] == pytest.approx(9 + 1, abs=0.2)
    assert samples["samples"] == [{"0.5": SHOTS}]
    assert shares["shares"] == {"011": {"value": 1.0, "stderr": 0.0}}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("result state_vector", "a state vector cannot be returned: backends return measured shots"),
        ("result density_matrix q[0]", "a density matrix cannot be returned"),
        ('result amplitude "00"', "amplitudes cannot be returned"),
        ("result adjoint_gradient expectation(z(q[0])) a", "an adjoint gradient cannot be returned"),
        ("noise depolarizing(0.1) q[0]", r"noise \('depolarizing'\) cannot be added"),
        ("result entropy q[0]", "the result 'entropy' is not known"),
        ("result expectation w(q[0])", "the observable 'w' is not known"),
        ("result expectation z(q[7])", "index"),
        ("result expectation z(nowhere)", "'nowhere' is not defined"),
        ("result expectation z(q[0]", "the pragma ends too early|is not allowed here"),
        ("result expectation z(q[0]) @ x(q[0])", "names one qubit twice"),
        ("result expectation i(q[0])", "multiple of the identity"),
        ("result sample h(q[0])", "samples are of a product of x, y and z"),
        ("result expectation hermitian([[0, 1], [2, 0]]) q[0]", "the matrix is not Hermitian"),
        ("result expectation hermitian([[0, 1], [1, 0]]) q[0], q[1]", "has 2 rows, and 2 qubits are named"),
        ("result probability q[0], q[0]", "names one qubit twice"),
        ("unitary([[1, 1], [1, 1]]) q[0]", "the matrix is not unitary"),
        ("unitary([[1, 0], [0, 1]]) q[0], q[1]", "has 2 rows, and 2 qubits are named"),
        ("verbatim", "no box follows the verbatim pragma"),
        ("wait", "'braket wait' is not supported"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(line: str, text: str) -> None:
    source = f"OPENQASM 3.0;\nqubit[2] q;\nh q[0];\n  #pragma braket {line}\n"
    with pytest.raises(CircuitError, match=text) as caught:
        parse(source, measured=False)
    assert (caught.value.line, caught.value.column) == (4, 3)


def test_a_single_circuit_returns_counts_only() -> None:
    source = "qubit q; bit c; h q; c = measure q;\n#pragma braket result probability q\n"
    with pytest.raises(CircuitError, match=r"asks for a result \(probability q\).*an item of a program"):
        parse(source)
    with pytest.raises(CircuitError, match="pragmas must be global"):
        parse("qubit q; if (true) {\n#pragma braket result probability q\n}", measured=False)


def box(gates: str) -> str:
    head = "OPENQASM 3.0;\nbit[2] b;\nh $0;\n#pragma braket verbatim\nbox {\n"
    return f"{head}{gates}\n}}\nh $0;\nb[0] = measure $0;\nb[1] = measure $1;\n"


@pytest.fixture(scope="module")
def manila() -> Backend:
    return open_backend("emulated-ibm-manila")


def test_a_verbatim_box_runs_as_it_is_on_its_qubits(manila: Backend) -> None:
    gates = "x $0; x $0; rz(0) $1; cnot $0, $1; cnot $0, $1; v $1; i $0; rz(0.5) $0; rz(-0.5) $0; rz(2 * pi) $0;"
    compiled = manila.compile(parse(box(gates)), seed=1)
    program = compiled.program
    steps = [(it.operation.name, tuple(program.find_bit(qubit).index for qubit in it.qubits)) for it in program.data]
    first = [name for name, on in steps if on == (0,) and name != "measure"]
    assert first[3:-3] == ["x", "x", "id", "rz", "rz", "rz"]  # between the two gates that were compiled
    assert [name for name, on in steps if 1 in on and name != "measure"] == ["rz", "cx", "cx", "sx"]
    assert compiled.physical_qubits == (0, 1)
    assert manila.compile(parse(box(gates).replace("#pragma braket verbatim\n", GATES)), seed=1).depth < compiled.depth


def test_the_first_gate_that_is_not_native_is_named(manila: Backend) -> None:
    with pytest.raises(DoesNotFit, match=r"line 7, column 1: `cz \$0, \$1` in a verbatim box .* use cx, id, rz, sx, x"):
        manila.compile(parse(box("x $0;\ncz $0, $1;\nswap $0, $1;")), seed=1)
    with pytest.raises(DoesNotFit, match=r"`cnot \$0, \$2`"):
        manila.compile(parse(box("cnot $0, $2;")), seed=1)


def test_boxes_need_device_qubits_and_a_backend_that_keeps_them() -> None:
    with pytest.raises(CircuitError, match="a verbatim box is for device qubits"):
        parse("qubit q; bit b;\n#pragma braket verbatim\nbox { x q; }\nb = measure q;")
    circuit = parse(box("cnot $0, $1;"))
    assert "verbatim" in circuit.features
    assert not circuit.dynamic
    assert write_circuit(circuit) == b""
    backend = open_backend("aer")
    (outcome,) = backend.collect(backend.submit([WorkItem(backend.compile(circuit, 1), 100, 1)], "box"))
    assert isinstance(outcome, Outcome)
    lacking = replace(backend.describe(), features=frozenset({"reset"}))
    with pytest.raises(DoesNotFit, match="lacks the feature verbatim"):
        require_fit(lacking, circuit)
