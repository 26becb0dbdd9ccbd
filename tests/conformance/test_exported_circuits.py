"""Exported circuits of Qiskit and Cirq, run by the platform, give the same counts as their simulators."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import cirq
import pytest
import sympy
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Parameter, ParameterVector, Qubit
from qiskit.circuit.library import QFTGate, efficient_su2
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit_aer import AerSimulator

from queuebit import InvalidInput
from queuebit.exporting import exported
from queuebit_quantum import WorkItem, parse
from queuebit_quantum.aer import Aer

SHOTS = 1000


def platform(circuit: object, shots: int = SHOTS) -> dict[str, int]:
    aer = Aer()
    return dict(aer.run(WorkItem(aer.compile(parse(exported(circuit)), seed=1), shots, seed=7)).counts)


def qiskits(circuit: QuantumCircuit) -> dict[str, int]:
    simulator, passes = compiler()
    return dict(simulator.run(passes.run(circuit), shots=SHOTS).result().get_counts())


@cache
def compiler() -> tuple[AerSimulator, PassManager]:
    """The simulator and what `transpile` does for it; to make this takes 200 ms each time."""
    simulator = AerSimulator(seed_simulator=11)
    return simulator, generate_preset_pass_manager(2, simulator)


def assert_alike(ours: dict[str, int], theirs: dict[str, int]) -> None:
    """Check that two samples agree within five standard deviations of their difference."""
    for bits in {*ours, *theirs}:
        share = Fraction(ours.get(bits, 0) + theirs.get(bits, 0), 2 * SHOTS)
        sigma = math.sqrt(2 * float(share * (1 - share)) / SHOTS) + 2 / SHOTS
        assert abs(ours.get(bits, 0) - theirs.get(bits, 0)) / SHOTS < 5 * sigma, (bits, ours, theirs)


def asymmetric() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.ry(0.7, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    return circuit


def two_registers() -> QuantumCircuit:
    q, a, b = QuantumRegister(3, "q"), ClassicalRegister(1, "first"), ClassicalRegister(2, "second")
    circuit = QuantumCircuit(q, a, b)
    circuit.x(q[0])
    circuit.h(q[2])
    circuit.measure(q[0], b[1])
    circuit.measure(q[1], a[0])
    circuit.measure(q[2], b[0])
    return circuit


def loose_bits() -> QuantumCircuit:
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit(), Clbit()])
    circuit.x(0)
    circuit.measure([0, 1], [0, 2])
    return circuit


def many_parameters() -> QuantumCircuit:
    angles = ParameterVector("t", 13)
    inner = QuantumCircuit(2, name="inner")
    for number, angle in enumerate(angles):
        inner.ry(angle, number % 2)
        inner.cx(number % 2, 1 - number % 2)
    circuit = QuantumCircuit(2)
    circuit.append(inner.assign_parameters({angle: 0.2 + 0.3 * n for n, angle in enumerate(angles)}).to_gate(), [0, 1])
    circuit.measure_all()
    return circuit


def prepared() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.initialize([0.6, 0, 0, 0.8], [1, 0])
    circuit.unitary([[0, 1], [1, 0]], [0])
    circuit.measure_all()
    return circuit


def layered() -> QuantumCircuit:
    ansatz = efficient_su2(3, reps=1)
    circuit = ansatz.assign_parameters([0.1 * n for n in range(ansatz.num_parameters)])
    circuit.append(QFTGate(3), [2, 0, 1])
    circuit.measure_all()
    return circuit


def conditional() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize(
    "make",
    [asymmetric, two_registers, loose_bits, many_parameters, prepared, layered, conditional],
    ids=lambda make: make.__name__,
)
def test_an_exported_circuit_of_qiskit_gives_the_counts_of_qiskit(make: Callable[[], QuantumCircuit]) -> None:
    assert_alike(platform(make()), qiskits(make()))


def cirqs(circuit: cirq.AbstractCircuit, keys: tuple[str, ...]) -> dict[str, int]:
    """Cirq's own counts as Qiskit writes them: the last register first, in each the last bit first."""
    runs = cirq.Simulator(seed=11).run(circuit, repetitions=SHOTS).measurements
    rows = zip(*(runs[key] for key in keys), strict=True)
    return dict(Counter(" ".join("".join(map(str, bits[::-1])) for bits in reversed(row)) for row in rows))


Q = cirq.LineQubit.range(3)
STEPS = (cirq.X(Q[0]), cirq.ry(0.7)(Q[1]), cirq.CNOT(Q[1], Q[2]) ** 0.3, cirq.ISWAP(Q[0], Q[2]) ** 0.5)


@pytest.mark.parametrize(
    ("circuit", "keys"),
    [
        (cirq.Circuit(*STEPS, cirq.measure(*Q, key="all")), ("all",)),
        (cirq.Circuit(*STEPS, cirq.measure(Q[2], key="z"), cirq.measure(Q[0], Q[1], key="a")), ("z", "a")),
        (cirq.FrozenCircuit(*STEPS, cirq.measure(*Q, key="m", invert_mask=(True, False, True))), ("m",)),
        (
            cirq.Circuit(
                cirq.H(Q[0]), cirq.measure(Q[0], key="c"), cirq.X(Q[1]).with_classical_controls("c"),
                cirq.measure(Q[1], key="r"),
            ),
            ("c", "r"),
        ),
        (
            cirq.Circuit(
                cirq.H.on_each(*Q), cirq.measure(Q[0], Q[1], key="a"), cirq.measure(Q[2], key="b"),
                cirq.X(Q[0]).with_classical_controls("a", "b"), cirq.measure(Q[0], key="r"),
            ),
            ("a", "b", "r"),
        ),
    ],
    ids=["one key", "two keys", "frozen and inverted", "conditional", "two conditions"],
)  # fmt: skip
def test_an_exported_circuit_of_cirq_gives_the_counts_of_cirq(
    circuit: cirq.AbstractCircuit, keys: tuple[str, ...]
) -> None:
    assert_alike(platform(circuit), cirqs(circuit, keys))


def unmeasured() -> QuantumCircuit:
    return QuantumCircuit(2, 2)


def unbound() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("theta"), 0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "complaint"),
    [
        (unmeasured(), "measures nothing"),
        (unbound(), r"parameters without values \(theta\): bind them with circuit.assign_parameters"),
        (cirq.Circuit(cirq.X(Q[0])), "measures nothing"),
        (cirq.Circuit(cirq.rx(sympy.Symbol("t"))(Q[0]), cirq.measure(Q[0])), r"\(t\): bind them with cirq.resolve"),
        (cirq.Circuit(cirq.measure(Q[0], key="a"), cirq.measure(Q[1], key="a")), "measured 2 times"),
        (cirq.Circuit(cirq.depolarize(0.1)(Q[0]), cirq.measure(Q[0])), "Cirq cannot export"),
        (
            cirq.Circuit(
                cirq.measure(Q[0], Q[1], key="a"),
                cirq.X(Q[2]).with_classical_controls(sympy.Eq(sympy.Symbol("a"), 2)),
                cirq.measure(Q[2], key="b"),
            ),
            "compares a key",
        ),
        (
            cirq.Circuit(
                cirq.measure(Q[0], key="a"),
                cirq.CCZ(*Q).with_classical_controls("a"),
                cirq.measure(Q[2], key="b"),
            ),
            "several gates under a condition: submit queuebit_cirq.export",
        ),
        (
            cirq.Circuit(
                cirq.measure(Q[0], key="a"),
                cirq.X(Q[2]).with_classical_controls(cirq.KeyCondition(cirq.MeasurementKey("a"), 0)),
                cirq.measure(Q[2], key="b"),
            ),
            "reads an earlier measurement of its key",
        ),
        ([unbound()], "give Batch"),
        (None, "is None"),
        (3, "a value of type int is not a circuit: give"),
    ],
)
def test_the_error_for_a_circuit_that_cannot_be_exported_has_the_reason(circuit: object, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        exported(circuit)
