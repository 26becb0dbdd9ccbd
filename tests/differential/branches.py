"""An exact simulator for small programs that measure: it runs a program once for each path of outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Machine", "Outcomes", "TooManyPaths", "apply", "controlled", "difference", "explore", "power"]

Array = NDArray[np.complex128]
Outcomes = dict[str, Array]
"""The density matrix of all qubits, first one as highest bit, left with each reading of the classical bits.

Its trace is the probability of that reading. Two programs with equal outcomes cannot be distinguished by anything that
is done afterwards to their bits and qubits.
"""

_NEGLIGIBLE = 1e-12
"""Probabilities below this are rounding; their paths are not followed."""
_MAX_PATHS = 4_096


class TooManyPaths(Exception):
    """The program measures too often to follow every path."""


class Machine:
    """Qubits along one path of measurement outcomes; the squared norm of the state is the path's probability."""

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.state: Array = np.ones((), dtype=np.complex128)
        self.untaken: list[tuple[int, ...]] = []
        """Scripts of the paths that leave this one."""
        self._script = script
        self._taken: list[int] = []

    def allocate(self, count: int) -> range:
        """Add qubits in state 0 and return their numbers."""
        first = self.state.ndim
        zero = np.zeros((2,) * count, dtype=np.complex128)
        zero[(0,) * count] = 1
        self.state = np.multiply.outer(self.state, zero)
        return range(first, first + count)

    def apply(self, matrix: Array, qubits: Sequence[int]) -> None:
        """Apply a matrix whose highest bit is the first qubit."""
        if len(set(qubits)) != len(qubits):
            raise ValueError(f"a gate is applied twice to one qubit: {qubits}")
        self.state = apply(self.state, matrix, qubits)

    def measure(self, qubit: int) -> int:
        weights = [float(np.sum(np.abs(np.take(self.state, value, axis=qubit)) ** 2)) for value in (0, 1)]
        if len(self._taken) < len(self._script):
            outcome = self._script[len(self._taken)]
        else:
            outcome = int(weights[0] <= _NEGLIGIBLE)
            if min(weights) > _NEGLIGIBLE:
                self.untaken.append((*self._taken, 1))
        self._taken.append(outcome)
        projector = np.zeros((2, 2), dtype=np.complex128)
        projector[outcome, outcome] = 1
        self.state = apply(self.state, projector, [qubit])
        return outcome

    def reset(self, qubit: int) -> None:
        if self.measure(qubit):
            self.apply(np.array([[0, 1], [1, 0]], dtype=np.complex128), [qubit])

    def density(self) -> Array:
        flat = self.state.reshape(-1)
        return np.outer(flat, flat.conj())


def explore(program: Callable[[Machine], str]) -> Outcomes:
    """Run a program, which returns the reading of its classical bits, along every path that can happen."""
    outcomes: Outcomes = {}
    scripts: list[tuple[int, ...]] = [()]
    paths = 0
    while scripts:
        paths += 1
        if paths > _MAX_PATHS:
            raise TooManyPaths
        machine = Machine(scripts.pop())
        reading = program(machine)
        outcomes[reading] = outcomes.get(reading, 0) + machine.density()
        scripts += machine.untaken
    return outcomes


def apply(tensor: Array, matrix: Array, axes: Sequence[int]) -> Array:
    """Multiply a matrix into some axes, each of length 2, of a tensor."""
    count = len(axes)
    product = np.tensordot(matrix.reshape((2,) * (2 * count)), tensor, axes=(range(count, 2 * count), axes))
    return np.moveaxis(product, range(count), axes)


def controlled(matrix: Array, controls: int, value: int) -> Array:
    """Return the matrix that acts when all of some new first qubits have a value."""
    for _ in range(controls):
        side = len(matrix)
        larger = np.eye(2 * side, dtype=np.complex128)
        start = side * value
        larger[start : start + side, start : start + side] = matrix
        matrix = larger
    return matrix


def power(matrix: Array, exponent: float) -> Array:
    """Return the principal power of a unitary matrix: phases are taken from (-pi, pi]."""
    if exponent == int(exponent):
        return np.linalg.matrix_power(matrix, int(exponent))
    from scipy.linalg import schur

    triangle, vectors = schur(matrix, output="complex")
    phases = np.angle(np.diag(triangle))
    phases[phases < -np.pi + 1e-9] += 2 * np.pi
    return np.asarray(vectors @ np.diag(np.exp(1j * exponent * phases)) @ vectors.conj().T)


def difference(first: Outcomes, second: Outcomes) -> float:
    """Return the largest difference of two entries, or infinity if the numbers of qubits differ."""
    largest = 0.0
    for reading in first.keys() | second.keys():
        a, b = first.get(reading, np.zeros((1, 1))), second.get(reading, np.zeros((1, 1)))
        if min(len(a), len(b)) > 1 and len(a) != len(b):
            return float("inf")
        largest = max(largest, float(np.max(np.abs(a - b))))
    return largest
