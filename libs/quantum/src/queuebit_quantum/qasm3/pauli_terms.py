"""Observables of a pragma as sums of Pauli strings; qubits that a string does not name have the identity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np

from queuebit_quantum.observables import PauliSum
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.pragmas import Matrix

__all__ = ["Terms", "added", "decomposed", "multiplied", "named", "squared", "written"]

_String: TypeAlias = frozenset[tuple[int, str]]
"""A letter of X, Y and Z for each of some qubits."""
Terms: TypeAlias = Mapping[_String, float]

_MOST_TERMS = 1_000
"""Terms of one observable: those of a Hermitian matrix on four qubits, and more."""
_MOST_SQUARED = 100
"""Terms of an observable whose square is needed."""
_MOST_QUBITS = 4
"""Of one matrix: there are four times as many terms with each qubit."""
_SMALLEST = 1e-12
_LETTERS = {
    "I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1]),
}  # fmt: skip
_ROOT = math.sqrt(0.5)
_NAMED: Mapping[str, Mapping[str, float]] = {
    "x": {"X": 1.0}, "y": {"Y": 1.0}, "z": {"Z": 1.0}, "i": {"I": 1.0}, "h": {"X": _ROOT, "Z": _ROOT},
}  # fmt: skip
"""The observables with names."""
_TIMES = {("X", "Y"): ("Z", 1), ("Y", "Z"): ("X", 1), ("Z", "X"): ("Y", 1)}
"""Products of letters, but for the factor i; in the other order it is -i."""


def named(name: str, qubit: int) -> Terms:
    """An observable of one qubit with a name of Braket's."""
    return {_string([qubit], letter): factor for letter, factor in _NAMED[name].items()}


def decomposed(matrix: Matrix, qubits: Sequence[int]) -> Terms:
    """A Hermitian matrix; the first qubit has the highest place."""
    if len(matrix) != 1 << len(qubits):
        raise UnlocatedError(
            f"the matrix has {len(matrix)} rows, and {len(qubits)} qubits are named", "2 rows for one qubit, 4 for two"
        )
    if len(qubits) > _MOST_QUBITS:
        raise UnlocatedError(f"a matrix on {len(qubits)} qubits", f"at most {_MOST_QUBITS} qubits", "too_large")
    found: dict[_String, float] = {}
    for letters in product("IXYZ", repeat=len(qubits)):
        pauli = np.eye(1)
        for letter in letters:
            pauli = np.kron(pauli, _LETTERS[letter])
        factor = float(np.real(np.vdot(pauli, matrix))) / len(matrix)
        if abs(factor) > _SMALLEST:
            found[_string(qubits, letters)] = factor
    return found


def multiplied(parts: Sequence[Terms], coefficient: float) -> Terms:
    """A tensor product of observables of different qubits."""
    found: dict[_String, float] = {frozenset(): coefficient}
    for part in parts:
        _require(len(found) * len(part))
        found = {one | two: a * b for one, a in found.items() for two, b in part.items()}
    return found


def added(parts: Iterable[Terms]) -> Terms:
    """A sum of observables."""
    found: dict[_String, float] = {}
    for part in parts:
        for string, factor in part.items():
            found[string] = found.get(string, 0.0) + factor
    _require(len(found))
    return found


def squared(terms: Terms) -> Terms:
    """The square of an observable: pairs of strings that do not commute cancel one another."""
    _require(len(terms), _MOST_SQUARED)
    found: dict[_String, float] = {}
    for (one, a), (two, b) in product(terms.items(), repeat=2):
        string, quarters = _times(dict(one), dict(two))
        if quarters % 2 == 0:
            found[string] = found.get(string, 0.0) + a * b * (1 - quarters)
    return {string: factor for string, factor in found.items() if abs(factor) > _SMALLEST}


def written(terms: Terms, width: int) -> PauliSum:
    """With a letter for each qubit of a circuit; the rightmost is that of qubit 0."""
    found = {}
    for string, factor in terms.items():
        letters = ["I"] * width
        for qubit, letter in string:
            letters[-1 - qubit] = letter
        found["".join(letters)] = factor
    return found


def _string(qubits: Sequence[int], letters: Iterable[str]) -> _String:
    return frozenset((qubit, letter) for qubit, letter in zip(qubits, letters, strict=True) if letter != "I")


def _times(one: dict[int, str], two: dict[int, str]) -> tuple[_String, int]:
    """The product of two strings, and its phase in quarter turns, from 0 to 3."""
    found, quarters = {**one, **two}, 0
    for qubit in one.keys() & two.keys():
        first, second = one[qubit], two[qubit]
        if first == second:
            del found[qubit]
        elif (first, second) in _TIMES:
            found[qubit], turn = _TIMES[first, second]
            quarters += turn
        else:
            found[qubit], turn = _TIMES[second, first]
            quarters -= turn
    return frozenset(found.items()), quarters % 4


def _require(terms: int, most: int = _MOST_TERMS) -> None:
    if terms > most:
        raise UnlocatedError(f"the observable has {terms:,} Pauli strings", f"at most {most:,}", "too_large")
