"""Base gates with controls, exact including the global phase.

Every unitary of a program expands to a list of base gates. Modifiers apply to the list, so that a control also
controls the phases (specification, "Gates", Quantum gate modifiers).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.symbols import require_known

__all__ = ["BARRIER", "BaseGate", "controlled", "inverse", "power"]

BARRIER = "barrier"
_SELF_INVERSE = frozenset({"ecr", "h", "id", "swap", "x", "y", "z", BARRIER})
_OPPOSITE = {"s": "sdg", "sdg": "s", "sx": "sxdg", "sxdg": "sx", "t": "tdg", "tdg": "t"}
_AS_PHASE = {"z": 1.0, "s": 0.5, "sdg": -0.5, "t": 0.25, "tdg": -0.25}
"""Gates that equal `p` with this multiple of pi."""
_ROTATIONS = frozenset({"rx", "ry", "rz"})
_MAX_MATRIX_QUBITS = 6
"""The dimension of a matrix doubles with each qubit."""
_TOLERANCE = 1e-9


class BaseGate(NamedTuple):
    """One base gate with its controls.

    `base` is the name of a gate of Qiskit, or one of: `u`, which is e^(i gamma) times Qiskit's `u`, with gamma as
    fourth parameter; `phase`, the global phase, without targets; `matrix`, with its unitary as parameter; `barrier`.
    """

    base: str
    params: tuple[Any, ...]  # numbers, or one matrix
    targets: tuple[int, ...]
    controls: tuple[int, ...] = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        return self.controls + self.targets


def inverse(base_gates: Sequence[BaseGate]) -> list[BaseGate]:
    """Return the adjoint (inverse) of a list of gates."""
    return [_inverted(base_gate) for base_gate in reversed(base_gates)]


def _inverted(base_gate: BaseGate) -> BaseGate:
    base, params = base_gate.base, base_gate.params
    if base in _SELF_INVERSE:
        return base_gate
    if base in _OPPOSITE:
        return base_gate._replace(base=_OPPOSITE[base])
    if base == "u":
        theta, phi, lam, gamma = params
        return base_gate._replace(params=(-theta, -lam, -phi, -gamma))
    if base == "matrix":
        return base_gate._replace(params=(params[0].conj().T,))
    return base_gate._replace(params=tuple(-value for value in params))


def controlled(base_gates: Iterable[BaseGate], controls: tuple[int, ...], states: Sequence[bool]) -> list[BaseGate]:
    """Add controls; the gates act if each control qubit is in its state."""
    flips = [BaseGate("x", (), (qubit,)) for qubit, state in zip(controls, states, strict=True) if not state]
    inner = [
        base_gate if base_gate.base == BARRIER else base_gate._replace(controls=controls + base_gate.controls)
        for base_gate in base_gates
    ]
    return [*flips, *inner, *flips]


def power(base_gates: Sequence[BaseGate], exponent: float) -> list[BaseGate]:
    """Return a power of a list of gates; the principal value for a fractional exponent.

    The caller must count the operations of an integer power first.
    """
    if len(base_gates) == 1 and (scaled := _scaled(base_gates[0], exponent)) is not None:
        return [scaled]
    if float(exponent).is_integer():
        once = list(base_gates) if exponent > 0 else inverse(base_gates)
        return once * abs(int(exponent))
    qubits = sorted({qubit for base_gate in base_gates for qubit in base_gate.qubits})
    if len(qubits) > _MAX_MATRIX_QUBITS:
        raise UnlocatedError(
            f"a fractional power on {len(qubits)} qubits", f"at most {_MAX_MATRIX_QUBITS} qubits", "too_large"
        )
    return [_from_matrix(_principal(_matrix(base_gates, qubits), exponent), tuple(qubits))]


def _scaled(base_gate: BaseGate, exponent: float) -> BaseGate | None:
    """Return the power of one gate as one gate; None if that is not exact."""
    base, params = base_gate.base, base_gate.params
    if base == BARRIER:
        return base_gate
    whole = float(exponent).is_integer()
    if base in _SELF_INVERSE and whole:
        return base_gate if exponent % 2 else base_gate._replace(base="id", targets=base_gate.targets[:1], controls=())
    if base in _AS_PHASE:
        return base_gate._replace(base="p", params=(_AS_PHASE[base] * math.pi * exponent,))
    if base in ("p", "phase"):
        return base_gate._replace(params=((params[0] if whole else _wrapped(params[0])) * exponent,))
    if base in _ROTATIONS and (whole or abs(params[0]) < math.tau - _TOLERANCE):
        return base_gate._replace(params=(params[0] * exponent,))
    if len(base_gate.targets) == 1 and not base_gate.controls:
        return _from_matrix(_principal(_matrix([base_gate], list(base_gate.targets)), exponent), base_gate.targets)
    if len(base_gate.targets) == 1:
        bare = _scaled(base_gate._replace(controls=()), exponent)
        return None if bare is None else bare._replace(controls=base_gate.controls)
    return None


def _wrapped(angle: float) -> float:
    """Return the equal angle in (-pi, pi]."""
    return -((math.pi - angle) % math.tau - math.pi)


def _matrix(base_gates: Sequence[BaseGate], qubits: list[int]) -> NDArray[np.complex128]:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Operator

    from queuebit_quantum.qasm3.library import operations

    place = {qubit: index for index, qubit in enumerate(qubits)}
    circuit = QuantumCircuit(len(qubits))
    for base_gate in base_gates:
        require_known(base_gate.params)
        if base_gate.base == BARRIER:
            continue
        phase, steps = operations(base_gate)
        circuit.global_phase += phase
        for operation, on in steps:
            circuit.append(operation, [place[qubit] for qubit in on])
    return np.asarray(Operator(circuit).data)


def _principal(matrix: NDArray[np.complex128], exponent: float) -> NDArray[np.complex128]:
    """Raise a unitary to a power: its eigenvalues e^(i x), with x in (-pi, pi], become e^(i x exponent)."""
    from scipy.linalg import schur

    triangular, vectors = schur(matrix, output="complex")
    angles = np.angle(np.diag(triangular))
    angles[angles <= -np.pi + _TOLERANCE] = np.pi
    return np.asarray(vectors @ np.diag(np.exp(1j * angles * exponent)) @ vectors.conj().T)


def _from_matrix(matrix: NDArray[np.complex128], qubits: tuple[int, ...]) -> BaseGate:
    if len(qubits) != 1:
        return BaseGate("matrix", (matrix,), qubits)
    (a, b), (c, d) = matrix.tolist()
    theta = 2 * math.atan2(abs(c), abs(a))
    if abs(a) > _TOLERANCE:
        gamma = cmath.phase(a)
        phi = cmath.phase(c) - gamma if abs(c) > _TOLERANCE else 0.0
        lam = (cmath.phase(d) - gamma - phi) if abs(d) > _TOLERANCE else 0.0
    else:
        gamma, phi = 0.0, cmath.phase(c)
        lam = cmath.phase(-b)
    return BaseGate("u", (theta, phi, lam, gamma), qubits)
