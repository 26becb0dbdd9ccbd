"""Gates without definitions: a base gate, the qubits that control it, and its exact matrix, global phase included.

Every unitary of a program becomes a list of these. Modifiers work on the list, so that a control also controls the
phases (specification, "Gates", Quantum gate modifiers).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from queuebit_quantum.qasm3.faults import Mistake

__all__ = ["BARRIER", "Leaf", "controlled", "inverse", "power"]

BARRIER = "barrier"
_SELF_INVERSE = frozenset({"h", "id", "swap", "x", "y", "z", BARRIER})
_OPPOSITE = {"s": "sdg", "sdg": "s", "sx": "sxdg", "sxdg": "sx", "t": "tdg", "tdg": "t"}
_AS_PHASE = {"z": 1.0, "s": 0.5, "sdg": -0.5, "t": 0.25, "tdg": -0.25}
"""Gates that are `p` of this multiple of pi."""
_ROTATIONS = frozenset({"rx", "ry", "rz"})
_MAX_MATRIX_QUBITS = 6
"""A matrix's side doubles with each qubit."""
_TOLERANCE = 1e-9


class Leaf(NamedTuple):
    """One gate.

    Bases are Qiskit's gates of that name, and: `u`, which is e^(i gamma) times Qiskit's `u` and has gamma as fourth
    parameter; `phase`, the global phase, without targets; `matrix`, whose parameter is its unitary; `barrier`.
    """

    base: str
    params: tuple[Any, ...]  # floats, or one matrix
    targets: tuple[int, ...]
    controls: tuple[int, ...] = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        return self.controls + self.targets


def inverse(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the adjoint."""
    return [_inverted(leaf) for leaf in reversed(leaves)]


def _inverted(leaf: Leaf) -> Leaf:
    base, params = leaf.base, leaf.params
    if base in _SELF_INVERSE:
        return leaf
    if base in _OPPOSITE:
        return leaf._replace(base=_OPPOSITE[base])
    if base == "u":
        theta, phi, lam, gamma = params
        return leaf._replace(params=(-theta, -lam, -phi, -gamma))
    if base == "matrix":
        return leaf._replace(params=(params[0].conj().T,))
    return leaf._replace(params=tuple(-value for value in params))


def controlled(leaves: Iterable[Leaf], controls: tuple[int, ...], states: Sequence[bool]) -> list[Leaf]:
    """Add controls that act where each is in its state."""
    flips = [Leaf("x", (), (qubit,)) for qubit, state in zip(controls, states, strict=True) if not state]
    inner = [leaf if leaf.base == BARRIER else leaf._replace(controls=controls + leaf.controls) for leaf in leaves]
    return [*flips, *inner, *flips]


def power(leaves: Sequence[Leaf], exponent: float) -> list[Leaf]:
    """Return a power; of a fractional one the principal value.

    The caller has counted what an integer power repeats.
    """
    if len(leaves) == 1 and (scaled := _scaled(leaves[0], exponent)) is not None:
        return [scaled]
    if float(exponent).is_integer():
        once = list(leaves) if exponent > 0 else inverse(leaves)
        return once * abs(int(exponent))
    qubits = sorted({qubit for leaf in leaves for qubit in leaf.qubits})
    if len(qubits) > _MAX_MATRIX_QUBITS:
        raise Mistake(
            f"a fractional power on {len(qubits)} qubits", f"at most {_MAX_MATRIX_QUBITS} qubits", "too_large"
        )
    return [_from_matrix(_principal(_matrix(leaves, qubits), exponent), tuple(qubits))]


def _scaled(leaf: Leaf, exponent: float) -> Leaf | None:
    """Return the power of one gate as one gate, where that is exact."""
    base, params = leaf.base, leaf.params
    if base == BARRIER:
        return leaf
    whole = float(exponent).is_integer()
    if base in _SELF_INVERSE and whole:
        return leaf if exponent % 2 else leaf._replace(base="id", targets=leaf.targets[:1], controls=())
    if base in _AS_PHASE:
        return leaf._replace(base="p", params=(_AS_PHASE[base] * math.pi * exponent,))
    if base in ("p", "phase"):
        return leaf._replace(params=((params[0] if whole else _wrapped(params[0])) * exponent,))
    if base in _ROTATIONS and (whole or abs(params[0]) < math.tau - _TOLERANCE):
        return leaf._replace(params=(params[0] * exponent,))
    if len(leaf.targets) == 1 and not leaf.controls:
        return _from_matrix(_principal(_matrix([leaf], list(leaf.targets)), exponent), leaf.targets)
    if len(leaf.targets) == 1:
        bare = _scaled(leaf._replace(controls=()), exponent)
        return None if bare is None else bare._replace(controls=leaf.controls)
    return None


def _wrapped(angle: float) -> float:
    """Return the same angle from above -pi to pi."""
    return -((math.pi - angle) % math.tau - math.pi)


def _matrix(leaves: Sequence[Leaf], qubits: list[int]) -> NDArray[np.complex128]:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Operator

    from queuebit_quantum.qasm3.library import operations

    place = {qubit: index for index, qubit in enumerate(qubits)}
    circuit = QuantumCircuit(len(qubits))
    for leaf in leaves:
        if leaf.base == BARRIER:
            continue
        phase, steps = operations(leaf)
        circuit.global_phase += phase
        for operation, on in steps:
            circuit.append(operation, [place[qubit] for qubit in on])
    return np.asarray(Operator(circuit).data)


def _principal(matrix: NDArray[np.complex128], exponent: float) -> NDArray[np.complex128]:
    """Raise a unitary to a power: its eigenvalues e^(i x), x from above -pi to pi, become e^(i x exponent)."""
    from scipy.linalg import schur

    triangular, vectors = schur(matrix, output="complex")
    angles = np.angle(np.diag(triangular))
    angles[angles <= -np.pi + _TOLERANCE] = np.pi
    return np.asarray(vectors @ np.diag(np.exp(1j * angles * exponent)) @ vectors.conj().T)


def _from_matrix(matrix: NDArray[np.complex128], qubits: tuple[int, ...]) -> Leaf:
    if len(qubits) != 1:
        return Leaf("matrix", (matrix,), qubits)
    (a, b), (c, d) = matrix.tolist()
    theta = 2 * math.atan2(abs(c), abs(a))
    if abs(a) > _TOLERANCE:
        gamma = cmath.phase(a)
        phi = cmath.phase(c) - gamma if abs(c) > _TOLERANCE else 0.0
        lam = (cmath.phase(d) - gamma - phi) if abs(d) > _TOLERANCE else 0.0
    else:
        gamma, phi = 0.0, cmath.phase(c)
        lam = cmath.phase(-b)
    return Leaf("u", (theta, phi, lam, gamma), qubits)
