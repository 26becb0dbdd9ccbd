"""Gates are exported exactly: the unitary of the export is Cirq's, up to a global phase, and under controls exactly."""

from __future__ import annotations

import cmath

import cirq
import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from qiskit.quantum_info import Operator

from queuebit_cirq import NotExported, export
from queuebit_quantum import parse

Q = cirq.LineQubit.range(5)
RANDOM = np.random.RandomState(3)

GATES: list[cirq.Gate] = [
    cirq.I, cirq.X, cirq.Y, cirq.Z, cirq.H, cirq.S, cirq.T**-1, cirq.X**0.5, cirq.X**-0.5, cirq.X**3, cirq.Y**0.3,
    cirq.Z**-0.37, cirq.H**0.7, cirq.rx(0.3), cirq.ry(-1.2), cirq.rz(2.2),
    cirq.XPowGate(exponent=0.4, global_shift=0.3), cirq.YPowGate(exponent=1, global_shift=0.3),
    cirq.ZPowGate(exponent=0.4, global_shift=0.3), cirq.HPowGate(exponent=1, global_shift=0.2),
    cirq.PhasedXPowGate(phase_exponent=0.3, exponent=0.6, global_shift=0.1),
    cirq.PhasedXZGate(x_exponent=0.3, z_exponent=0.4, axis_phase_exponent=0.7),
    cirq.CX, cirq.CX**0.3, cirq.CXPowGate(exponent=0.3, global_shift=0.4), cirq.CY**0.3, cirq.CZ, cirq.CZ**0.7,
    cirq.CCX, cirq.CCY**0.3, cirq.CCZ, cirq.CCZ**0.3, cirq.CSWAP, cirq.SWAP, cirq.SWAP**0.3,
    cirq.SwapPowGate(exponent=1, global_shift=0.3), cirq.ISWAP, cirq.ISwapPowGate(exponent=0.4, global_shift=0.3),
    cirq.FSimGate(0.3, 0.7), cirq.PhasedFSimGate(0.3, 0.7, 0.2, 0.5, 0.1),
    cirq.PhasedISwapPowGate(phase_exponent=0.3, exponent=0.4), cirq.XX**0.3, cirq.YY**0.3, cirq.ZZ**0.4,
    cirq.ZZPowGate(exponent=0.3, global_shift=-0.5), cirq.MSGate(rads=0.4),
    *(cirq.MatrixGate(cirq.testing.random_unitary(size, random_state=RANDOM)) for size in (2, 4)),
    cirq.MatrixGate(np.array([[0, 1j], [cmath.exp(0.3j), 0]])), cirq.DiagonalGate([0.1, 0.2, 0.3, 0.4]),
    cirq.QuantumFourierTransformGate(3), cirq.PhaseGradientGate(num_qubits=3, exponent=0.3),
    cirq.QubitPermutationGate([2, 0, 1]), cirq.SingleQubitCliffordGate.X_sqrt,
    cirq.DensePauliString("XYZ", coefficient=1j),
    cirq.ParallelGate(cirq.X**0.3, 3), cirq.PauliInteractionGate(cirq.X, True, cirq.Y, False, exponent=0.4),
    cirq.BooleanHamiltonianGate(["a", "b"], ["a ^ b"], 0.3), cirq.UniformSuperpositionGate(3, 2),
    cirq.PauliStringPhasorGate(cirq.DensePauliString("XZ"), exponent_neg=0.3, exponent_pos=0.1),
    cirq.X.controlled(2, control_values=[0, (0, 1)]), cirq.ISWAP.controlled(),
]  # fmt: skip


def unitary(circuit: cirq.AbstractCircuit, values: dict[str, float] | None = None) -> NDArray[np.complex128]:
    """The unitary that the platform reads from an export, in Cirq's order of qubits."""
    exported = export(circuit)
    parameters = {exported.inputs[name]: value for name, value in (values or {}).items()}
    parsed = parse(exported.source, parameters=parameters, measured=False)
    return np.asarray(Operator(parsed.quantum_circuit.reverse_bits()).data)


def assert_same(ours: NDArray[np.complex128], theirs: NDArray[np.complex128]) -> None:
    """Compare up to one global phase; decompositions of matrices by Cirq are exact to about 1e-8."""
    phase = cmath.phase(complex(np.vdot(theirs, ours)))
    np.testing.assert_allclose(ours, theirs * cmath.exp(1j * phase), atol=1e-7)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: type(gate).__name__)
def test_a_gate_has_its_unitary_also_under_controls(gate: cirq.Gate) -> None:
    """Under a control the phase of a gate matters; this control is on for two of its four states."""
    count = cirq.num_qubits(gate)
    either = cirq.SumOfProducts([(0, 1), (1, 0)])
    under = cirq.ControlledOperation(Q[3:], gate.on(*Q[:count]), either)
    for operation in (gate.on(*Q[:count]), under):
        circuit = cirq.Circuit(operation, cirq.I.on_each(*operation.qubits))
        assert_same(unitary(circuit), circuit.unitary(dtype=np.complex128))


@pytest.mark.parametrize("seed", range(4))
def test_a_random_circuit_has_its_unitary(seed: int) -> None:
    circuit = cirq.testing.random_circuit(Q[:4], n_moments=12, op_density=0.7, random_state=seed)
    circuit += cirq.PauliString({Q[0]: cirq.X, Q[2]: cirq.Y}, coefficient=-1)
    circuit += cirq.global_phase_operation(1j).controlled_by(Q[1])
    circuit += cirq.Circuit(cirq.CX(Q[0], Q[1]) ** 0.3).freeze().to_op().controlled_by(Q[3])
    circuit += cirq.MatrixGate(cirq.testing.random_unitary(8, random_state=seed))(*Q[1:4])
    circuit += cirq.I.on_each(*Q[:4])
    assert_same(unitary(circuit), circuit.unitary(dtype=np.complex128))


def test_symbols_become_inputs_with_the_meaning_that_they_have_in_cirq() -> None:
    a, b = sympy.Symbol("a"), sympy.Symbol("β 2")
    circuit = cirq.Circuit(
        cirq.X(Q[0]) ** a, cirq.ry(2 * b)(Q[1]), cirq.rz(-a / 3)(Q[0]), cirq.H(Q[1]) ** b,
        cirq.CZ(Q[0], Q[1]) ** (a + b),
        cirq.ISWAP(Q[0], Q[1]) ** a**2, cirq.SWAP(Q[1], Q[0]) ** b, cirq.FSimGate(a, b)(Q[0], Q[1]),
        cirq.XX(Q[0], Q[1]) ** sympy.sin(a), cirq.YY(Q[0], Q[1]) ** b, cirq.ZZ(Q[0], Q[1]) ** (a / b),
        cirq.PhasedXPowGate(phase_exponent=a, exponent=b)(Q[0]), cirq.ControlledGate(cirq.X**a)(Q[1], Q[0]),
        cirq.PhasedXZGate(x_exponent=a, z_exponent=b, axis_phase_exponent=a)(Q[1]),
        cirq.CX(Q[1], Q[0]) ** sympy.sqrt(b), cirq.PhasedFSimGate(a, b, a, b, a)(Q[0], Q[1]),
        cirq.PhasedISwapPowGate(phase_exponent=a, exponent=b)(Q[0], Q[1]),
    )  # fmt: skip
    values = {"a": -0.37, "β 2": 1.21}
    theirs = cirq.resolve_parameters(circuit, values).unitary(dtype=np.complex128)
    assert_same(unitary(circuit, values), theirs)


def test_the_order_of_qubits_is_stated_and_can_be_chosen() -> None:
    circuit = cirq.Circuit(cirq.X(cirq.NamedQubit("b")), cirq.CX(cirq.NamedQubit("b"), cirq.NamedQubit("a")))
    assert "x q[1];\ncx q[1], q[0];" in export(circuit).source
    assert "// q[0] is cirq.NamedQubit('a')\n" in export(circuit).source
    other = export(circuit, qubit_order=[cirq.NamedQubit("b"), cirq.NamedQubit("a")])
    assert other.qubits == (cirq.NamedQubit("b"), cirq.NamedQubit("a"))
    assert "x q[0];\ncx q[0], q[1];" in other.source


class Wrong(cirq.Gate):
    """A gate whose decomposition is another gate."""

    def _num_qubits_(self) -> int:
        return 2

    def _unitary_(self) -> NDArray[np.complex128]:
        return np.asarray(cirq.unitary(cirq.CZ))

    def _decompose_(self, qubits: tuple[cirq.Qid, ...]) -> list[cirq.Operation]:
        return [cirq.CX.on(*qubits)]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (cirq.depolarize(0.1)(Q[0]), r"depolarize\(p=0.1\)\(q\(0\)\) cannot be exported: it is neither a gate nor"),
        (Wrong()(Q[0], Q[1]), "its decomposition has another matrix"),
        (cirq.IdentityGate(qid_shape=(3,))(cirq.LineQid(0, 3)), "has 3 levels"),
        (cirq.X(Q[0]) ** sympy.Abs(sympy.Symbol("a")), "Abs"),
        (cirq.measure(Q[0], key="a", confusion_map={(0,): np.array([[0.9, 0.1], [0.1, 0.9]])}), "confusion map"),
        (cirq.QuantumFourierTransformGate(9)(*cirq.LineQubit.range(1, 10)).controlled_by(Q[0]), "phase is unknown"),
    ],
    ids=["noise", "wrong", "qutrit", "function", "confusion", "large"],
)  # fmt: skip
def test_what_is_lossy_is_refused_by_name(operation: cirq.Operation, text: str) -> None:
    with pytest.raises(NotExported, match=text):
        export(cirq.Circuit(operation))
