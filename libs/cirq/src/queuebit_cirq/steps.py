"""Unitary operations of Cirq as gates of OpenQASM 3, exact up to a global phase; under controls, exact.

The matrices are those of Cirq's documentation; an exponent t and a global shift s of an `EigenGate` give
e^(i pi s t) times the gate with shift 0.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import cirq
import numpy as np
import sympy

from queuebit_cirq.errors import NotExported
from queuebit_cirq.expressions import is_zero, number

__all__ = ["Step", "steps_of"]

_Angle: TypeAlias = "float | sympy.Expr"
_Qubits: TypeAlias = tuple[cirq.Qid, ...]
_CHECKED_QUBITS = 8
"""Decompositions of up to this many qubits are compared with their matrix."""
_TOLERANCE = 1e-7
"""Of an element of a matrix: Cirq decomposes matrices to about 1e-8."""


class Step(NamedTuple):
    """A gate of `stdgates.inc`, `U` or `gphase`, with its controls."""

    name: str
    angles: tuple[_Angle, ...]
    targets: _Qubits
    controls: tuple[tuple[cirq.Qid, int], ...] = ()
    """Qubits and the values, 0 or 1, in which the gate acts."""


def steps_of(operation: cirq.Operation, *, controlled: bool = False) -> list[Step]:
    """The gates of a unitary operation.

    Args:
        operation: without classical controls.
        controlled: whether the caller adds controls, so that the global phase must be right.

    Raises:
        NotExported: it has no exact expression, or has one only after its parameters have values; the text says why.
    """
    operation = operation.untagged
    gate, on = operation.gate, operation.qubits
    if isinstance(gate, cirq.ControlledGate):
        count = gate.num_controls()
        operation = cirq.ControlledOperation(on[:count], gate.sub_gate.on(*on[count:]), gate.control_values)
    if isinstance(operation, cirq.ControlledOperation):
        return _controlled(operation)
    for kind, rule in _RULES:
        if isinstance(gate, kind):
            return rule(gate, *on)
    if cirq.is_parameterized(operation):
        if controlled:
            raise NotExported(f"{operation} under a control can be exported only with values for its parameters")
    elif len(on) == 1 and cirq.has_unitary(operation):
        return _from_matrix(cirq.unitary(operation), on)
    return _decomposed(operation, controlled)


def _controlled(operation: cirq.ControlledOperation) -> list[Step]:
    inner = steps_of(operation.sub_operation, controlled=True)
    found = []
    for values in operation.control_values.expand():  # each combination acts on states of its own
        controls = tuple(zip(operation.controls, values, strict=True))
        found += [step._replace(controls=controls + step.controls) for step in inner]
    return found


def _decomposed(operation: cirq.Operation, controlled: bool) -> list[Step]:
    parts = cirq.decompose_once(operation, None)
    if parts is None:
        raise NotExported(
            f"{operation} cannot be exported: it is not unitary, or Cirq cannot decompose it. Replace it by gates; "
            "for noise, run the circuit without it on an emulated device"
        )
    phase = 0.0
    if not cirq.is_parameterized(operation):
        phase = _phase(operation, parts, controlled)
    found = [step for part in parts for step in steps_of(part, controlled=controlled)]
    return found + _phases(phase)


def _phase(operation: cirq.Operation, parts: Sequence[cirq.Operation], controlled: bool) -> float:
    """The global phase that a decomposition lost.

    Raises:
        NotExported: the decomposition is wrong, or too large to compare where its phase matters.
    """
    on = operation.qubits
    if len(on) > _CHECKED_QUBITS or not cirq.has_unitary(operation):
        if controlled:
            raise NotExported(
                f"{operation} under a control cannot be exported: its global phase is unknown. Control the gates that "
                "it consists of"
            )
        return 0.0
    wanted = cirq.unitary(operation)
    if {qubit for part in parts for qubit in part.qubits} - {*on}:
        raise NotExported(f"{operation} cannot be exported: its decomposition needs more qubits. Decompose it first")
    given = cirq.Circuit(parts).unitary(qubit_order=on, qubits_that_should_be_present=on, dtype=np.complex128)
    overlap = complex(np.vdot(given, wanted))
    phase = cmath.phase(overlap)
    if not np.allclose(given * cmath.exp(1j * phase), wanted, atol=_TOLERANCE):
        raise NotExported(f"{operation} cannot be exported: its decomposition has another matrix. Replace it by gates")
    return phase


# ----------------------------------------------------------------------------------------------------------- rules


def _half_turns(exponent: Any) -> _Angle:  # any kind of number, or an expression
    return number(number(exponent) * (sympy.pi if isinstance(exponent, sympy.Basic) else math.pi))


def _phases(angle: _Angle) -> list[Step]:
    return [] if is_zero(angle) else [Step("gphase", (angle,), ())]


def _shift(gate: cirq.EigenGate, base: float = 0.0) -> list[Step]:
    """The phase of a gate whose steps lack `base` times its exponent in half turns."""
    return _phases(_half_turns(gate.exponent * (gate.global_shift + base)))


_NAMED: dict[str, dict[float, str]] = {
    "rx": {1.0: "x", 0.5: "sx"},
    "ry": {1.0: "y"},
    "p": {1.0: "z", 0.5: "s", -0.5: "sdg", 0.25: "t", -0.25: "tdg"},
}
"""Gates without angle, for an exponent and a shift of 0."""


def _turned(rotation: str, gate: cirq.EigenGate, qubit: cirq.Qid) -> list[Step]:
    """A power of X, Y or Z on one qubit."""
    exponent = number(gate.exponent)
    named = _NAMED[rotation].get(1 - (1 - exponent) % 2) if isinstance(exponent, float) else None
    if named is not None and gate.global_shift == 0:
        return [Step(named, (), (qubit,))]
    if rotation != "p":
        return [Step(rotation, (_half_turns(gate.exponent),), (qubit,)), *_shift(gate, 0.5)]
    if gate.global_shift == -0.5:
        return [Step("rz", (_half_turns(gate.exponent),), (qubit,))]
    return [Step("p", (_half_turns(gate.exponent),), (qubit,)), *_shift(gate)]


def _multiply_turned(bare: cirq.EigenGate, gate: cirq.EigenGate, *on: cirq.Qid) -> list[Step]:
    """A power of X, Y or Z with controls."""
    controls = tuple((qubit, 1) for qubit in on[:-1])
    inner = steps_of((bare**gate.exponent).on(on[-1]), controlled=True)
    return [step._replace(controls=controls + step.controls) for step in inner] + _shift(gate)


def _hadamard(gate: cirq.HPowGate, qubit: cirq.Qid) -> list[Step]:
    if gate.exponent == 1:
        return [Step("h", (), (qubit,)), *_shift(gate)]
    tilt, power = math.pi / 4, Step("p", (_half_turns(gate.exponent),), (qubit,))
    return [Step("ry", (-tilt,), (qubit,)), power, Step("ry", (tilt,), (qubit,)), *_shift(gate)]


def _phased_x(gate: cirq.PhasedXPowGate, qubit: cirq.Qid) -> list[Step]:
    axis = _half_turns(gate.phase_exponent)
    return [
        Step("p", (-axis,), (qubit,)),
        Step("rx", (_half_turns(gate.exponent),), (qubit,)),
        Step("p", (axis,), (qubit,)),
        *_phases(_half_turns(gate.exponent * (gate.global_shift + 0.5))),
    ]


def _phased_xz(gate: cirq.PhasedXZGate, qubit: cirq.Qid) -> list[Step]:
    axis = _half_turns(gate.axis_phase_exponent)
    return [
        Step("p", (-axis,), (qubit,)),
        Step("rx", (_half_turns(gate.x_exponent),), (qubit,)),
        Step("p", (axis + _half_turns(gate.z_exponent),), (qubit,)),
        *_phases(_half_turns(gate.x_exponent * 0.5)),
    ]


def _between(outside: Sequence[Step], inside: Sequence[Step]) -> list[Step]:
    return [*outside, *inside, *outside]


def _swap(gate: cirq.SwapPowGate, a: cirq.Qid, b: cirq.Qid) -> list[Step]:
    if gate.exponent == 1:
        return [Step("swap", (), (a, b)), *_shift(gate)]
    inner = _multiply_turned(cirq.X, cirq.CXPowGate(exponent=gate.exponent), b, a)
    return _between([_cx(a, b)], inner) + _shift(gate)


def _exchange(angle: _Angle, a: cirq.Qid, b: cirq.Qid) -> list[Step]:
    """exp(-i angle/4 (XX + YY)): a rotation of |01> and |10> into each other."""
    return _between([_cx(a, b)], [Step("rx", (angle,), (a,), ((b, 1),))])


def _cx(a: cirq.Qid, b: cirq.Qid) -> Step:
    return Step("x", (), (b,), ((a, 1),))


def _fsim(gate: cirq.FSimGate, a: cirq.Qid, b: cirq.Qid) -> list[Step]:
    theta, phi = number(gate.theta), number(gate.phi)
    return [*_exchange(2 * theta, a, b), Step("p", (-phi,), (b,), ((a, 1),))]


def _parity(into: tuple[str, ...], back: tuple[str, ...], gate: cirq.EigenGate, *on: cirq.Qid) -> list[Step]:
    """A power of ZZ in another basis."""
    a, b = on
    before = [Step(name, (), (qubit,)) for qubit in on for name in into]
    after = [Step(name, (), (qubit,)) for qubit in on for name in back]
    power = Step("p", (_half_turns(gate.exponent),), (b,))
    return [*before, *_between([_cx(a, b)], [power]), *after, *_shift(gate)]


def _global_phase(gate: cirq.GlobalPhaseGate) -> list[Step]:
    if cirq.is_parameterized(gate):
        raise NotExported(f"{gate} can be exported only with values for its parameters")
    return _phases(cmath.phase(complex(gate.coefficient)))


def _from_matrix(matrix: np.ndarray[Any, np.dtype[np.complex128]], on: _Qubits) -> list[Step]:
    """`U` and the phase of a matrix of one qubit (OpenQASM 3 specification, "Gates", Built-in gates)."""
    (a, b), (c, d) = matrix.tolist()
    theta = 2 * math.atan2(abs(c), abs(a))  # U has the phase theta / 2
    if abs(a) >= abs(c):
        first = cmath.phase(a)
        phi, lam = (cmath.phase(c) - first if c else 0.0), cmath.phase(d) - first
        lam -= phi
    else:
        first = cmath.phase(a) if a else 0.0
        phi = cmath.phase(c) - first
        lam = cmath.phase(-b) - first
    return [Step("U", (theta, phi, lam), on), *_phases(first - theta / 2)]


_Rule: TypeAlias = Callable[..., list[Step]]
_RULES: tuple[tuple[type, _Rule], ...] = (
    (cirq.IdentityGate, lambda gate, *on: []),
    (cirq.GlobalPhaseGate, _global_phase),
    (cirq.XPowGate, lambda gate, *on: _turned("rx", gate, *on)),
    (cirq.YPowGate, lambda gate, *on: _turned("ry", gate, *on)),
    (cirq.ZPowGate, lambda gate, *on: _turned("p", gate, *on)),
    (cirq.HPowGate, _hadamard),
    (cirq.PhasedXPowGate, _phased_x),
    (cirq.PhasedXZGate, _phased_xz),
    (cirq.CXPowGate, lambda gate, *on: _multiply_turned(cirq.X, gate, *on)),
    (cirq.CYPowGate, lambda gate, *on: _multiply_turned(cirq.Y, gate, *on)),
    (cirq.CZPowGate, lambda gate, *on: _multiply_turned(cirq.Z, gate, *on)),
    (cirq.CCXPowGate, lambda gate, *on: _multiply_turned(cirq.X, gate, *on)),
    (cirq.CCYPowGate, lambda gate, *on: _multiply_turned(cirq.Y, gate, *on)),
    (cirq.CCZPowGate, lambda gate, *on: _multiply_turned(cirq.Z, gate, *on)),
    (cirq.SwapPowGate, _swap),
    (cirq.CSwapGate, lambda gate, control, *on: [Step("swap", (), on, ((control, 1),))]),
    (cirq.ISwapPowGate, lambda gate, *on: _exchange(-_half_turns(gate.exponent), *on) + _shift(gate)),
    (cirq.FSimGate, _fsim),
    (cirq.XXPowGate, lambda gate, *on: _parity(("h",), ("h",), gate, *on)),
    (cirq.YYPowGate, lambda gate, *on: _parity(("sdg", "h"), ("h", "s"), gate, *on)),
    (cirq.ZZPowGate, lambda gate, *on: _parity((), (), gate, *on)),
)
"""Families of gates that are written without a decomposition of Cirq, also with symbols."""
