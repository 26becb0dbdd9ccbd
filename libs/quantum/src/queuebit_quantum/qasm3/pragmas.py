"""Reads the pragmas of Amazon Braket; what they mean for a program is not decided here.

The grammar is that of Braket's documentation, with factors and sums of observables as its SDK writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from queuebit_quantum.qasm3.faults import UnlocatedError

__all__ = ["Factor", "Matrix", "Pragma", "Result", "Term", "Unitary", "read_pragma"]

Matrix: TypeAlias = NDArray[np.complex128]
_Element = TypeVar("_Element")
_TOKEN = re.compile(r'(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:im)?|\$?\w+|"[^"]*"|\S')
_NUMBER = re.compile(r"\d|\.\d")
_LARGEST = 1e100
"""The square of a larger number, which errors have, may not be finite."""
_STATES = {
    "state_vector": "a state vector",
    "density_matrix": "a density matrix",
    "amplitude": "amplitudes",
}
_MEASURED = frozenset({"expectation", "variance", "sample"})
_OBSERVABLES = frozenset({"x", "y", "z", "i", "h", "hermitian"})
_INSTEAD = "probability, expectation, variance or sample, which shots give"


@dataclass(frozen=True, slots=True)
class Factor:
    """An observable on some qubits."""

    name: str
    """`x`, `y`, `z`, `i`, `h` or `hermitian`."""
    operands: tuple[str, ...] | None
    """Texts that name qubits; None: each qubit of the program alone."""
    matrix: Matrix | None = None
    """Of a `hermitian`; the first qubit has the highest place."""


@dataclass(frozen=True, slots=True)
class Term:
    """A multiple of a tensor product."""

    coefficient: float
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a program asks for."""

    kind: str
    """`probability`, `expectation`, `variance` or `sample`."""
    terms: tuple[Term, ...] = ()
    operands: tuple[str, ...] | None = None
    """Of a probability; None: all qubits."""

    @property
    def operand_count(self) -> int:
        """How many qubits it names."""
        factors = [factor for term in self.terms for factor in term.factors]
        return len(self.operands or ()) + sum(len(factor.operands or ()) for factor in factors)


@dataclass(frozen=True, slots=True)
class Unitary:
    """A gate by its matrix."""

    matrix: Matrix
    operands: tuple[str, ...]


Pragma: TypeAlias = "Result | Unitary | str"
"""A pragma without arguments is its name: `verbatim`, or `gates`, which says nothing more than that it is Braket's."""


def read_pragma(command: str) -> Pragma:
    """Read the text after `#pragma`.

    Raises:
        UnlocatedError: it is no pragma that is supported; the text names it, with the reason.
    """
    words = command.split(None, 2)
    if words[:1] != ["braket"]:
        raise UnlocatedError(
            "pragmas are not supported, because they may change the meaning of the program",
            "a program of gates, measurements and classical statements, or a pragma of Amazon Braket",
        )
    kind, rest = words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else ""
    match kind:
        case "verbatim" | "gates" if not rest:
            return kind
        case "result":
            return _Reader(rest).result()
        case "unitary":
            return _Reader(rest).unitary()
        case _ if kind.startswith("unitary("):
            return _Reader(command.split("unitary", 1)[1]).unitary()
        case "noise":
            raise UnlocatedError(
                f"noise ({rest.split('(')[0].strip()[:40]!r}) cannot be added: a backend has the noise of its device",
                "a program without noise, on an emulated device",
            )
    raise UnlocatedError(
        f"the pragma {f'braket {kind}'.strip()[:60]!r} is not supported", "result, unitary, verbatim or gates"
    )


class _Reader:
    """A cursor over the text of a pragma."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)
        self._place = 0

    def result(self) -> Result:
        kind = self._next()
        if kind in _STATES:
            raise UnlocatedError(f"{_STATES[kind]} cannot be returned: backends return measured shots", _INSTEAD)
        if kind == "adjoint_gradient":
            raise UnlocatedError(
                "an adjoint gradient cannot be returned: it needs the state, and backends return measured shots",
                "a sweep of the expectation at shifted parameters",
            )
        if kind == "probability":
            found = Result(kind, operands=None if self._done or self._take("all") else self._operands())
        elif kind in _MEASURED:
            found = Result(kind, self._sum())
        else:
            raise UnlocatedError(f"the result {kind[:40]!r} is not known", _INSTEAD)
        self._end()
        return found

    def unitary(self) -> Unitary:
        self._expect("(")
        matrix = self._matrix()
        self._expect(")")
        found = Unitary(matrix, self._operands())
        self._end()
        if not np.allclose(matrix.conj().T @ matrix, np.eye(len(matrix)), atol=1e-8):
            raise UnlocatedError("the matrix is not unitary", "a unitary matrix", "parameter")
        return found

    def _sum(self) -> tuple[Term, ...]:
        found = [self._term(-1.0 if self._take("-") else 1.0)]
        while not self._done and self._peek() in ("+", "-"):
            found.append(self._term(-1.0 if self._next() == "-" else 1.0))
        return tuple(found)

    def _term(self, sign: float) -> Term:
        if _NUMBER.match(self._peek()):
            sign *= self._real()
            self._expect("*")
        factors = [self._factor()]
        while self._take("@"):
            factors.append(self._factor())
        if len(factors) > 1 and any(it.operands is None for it in factors):
            raise UnlocatedError("a product cannot be of each qubit alone", "a qubit for each factor")
        return Term(sign, tuple(factors))

    def _factor(self) -> Factor:
        name = self._next()
        if name not in _OBSERVABLES:
            raise UnlocatedError(f"the observable {name[:40]!r} is not known", "x, y, z, i, h or hermitian")
        if name != "hermitian" and (self._done or self._take("all")):
            return Factor(name, None)
        self._expect("(")
        matrix = self._matrix() if name == "hermitian" else None
        operands = self._operands() if matrix is None else ()
        self._expect(")")
        if matrix is None:
            return Factor(name, operands)
        if not np.allclose(matrix, matrix.conj().T, atol=1e-8):
            raise UnlocatedError("the matrix is not Hermitian", "a Hermitian matrix", "parameter")
        return Factor(name, self._operands(), matrix)

    def _operands(self) -> tuple[str, ...]:
        """Texts up to the end of the list: a name or `$n`, with an index that another parser reads."""
        found = [self._operand()]
        while self._take(","):
            found.append(self._operand())
        return tuple(found)

    def _operand(self) -> str:
        words, depth = [self._next()], 0
        if not re.fullmatch(r"\$?\w+", words[0]) or words[0].isdigit():
            raise UnlocatedError(f"{words[0][:40]!r} is not a qubit", "a qubit such as q[0] or $0")
        while not self._done and (depth or self._peek() == "["):
            words.append(self._next())
            depth += {"[": 1, "]": -1}.get(words[-1], 0)
        return "".join(words)

    def _matrix(self) -> Matrix:
        rows = self._list(lambda: self._list(self._complex))
        size = len(rows)
        if any(len(row) != size for row in rows) or size < 2 or size & (size - 1):
            raise UnlocatedError(
                f"the matrix has {size} rows, which do not fit qubits", "2, 4 or 8 rows of as many numbers"
            )
        return np.array(rows, dtype=np.complex128)

    def _list(self, element: Callable[[], _Element]) -> list[_Element]:
        self._expect("[")
        found = [element()]
        while self._take(","):
            found.append(element())
        self._expect("]")
        return found

    def _complex(self) -> complex:
        value = self._part()
        while self._peek() in ("+", "-"):
            value += self._part()
        return value

    def _part(self) -> complex:
        sign = 1.0
        while self._peek() in ("+", "-"):
            sign *= -1.0 if self._next() == "-" else 1.0
        text = self._next()
        try:
            value = complex(text.replace("im", "j"))
        except ValueError:
            raise UnlocatedError(f"{text[:40]!r} is not a number", "a number such as 0.5 or 1im") from None
        if not abs(value) <= _LARGEST:
            raise UnlocatedError(f"{text[:40]!r} is too large", f"a number of at most {_LARGEST:g}", "parameter")
        return sign * value

    def _real(self) -> float:
        value = self._part()
        if value.imag:
            raise UnlocatedError("the factor of an observable is not real", "a real number", "parameter")
        return value.real

    @property
    def _done(self) -> bool:
        return self._place == len(self._tokens)

    def _peek(self) -> str:
        return "" if self._done else self._tokens[self._place]

    def _next(self) -> str:
        found = self._peek()
        if not found:
            raise UnlocatedError("the pragma ends too early", "its arguments", "syntax")
        self._place += 1
        return found

    def _take(self, text: str) -> bool:
        taken = self._peek() == text
        self._place += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise UnlocatedError(f"{self._peek()[:40]!r} is not allowed here in the pragma", repr(text), "syntax")

    def _end(self) -> None:
        if not self._done:
            raise UnlocatedError(
                f"{self._peek()[:40]!r} is not allowed here in the pragma", "the end of the line", "syntax"
            )
