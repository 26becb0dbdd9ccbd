"""What the pragmas of Amazon Braket ask for: results, gates by their matrix, and boxes that no compiler changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from openqasm3 import ast
from qiskit.circuit.library import UnitaryGate

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Scope
from queuebit_quantum.qasm3.pauli_terms import Terms, added, decomposed, multiplied, named, squared, written
from queuebit_quantum.qasm3.pragmas import Factor, Result, Term, Unitary, read_pragma
from queuebit_quantum.qasm3.subroutines import Ended, Subroutines
from queuebit_quantum.qasm3.syntax import tree
from queuebit_quantum.results import ResultType
from queuebit_quantum.tokens import Source

__all__ = ["BraketPragmas"]

_MOST_TERMS = 2_000
"""Pauli strings of all results: each may need a run of its own."""
_MOST_UNITARY_QUBITS = 4
_UNITARY_COST = 64
"""Operations counted for a gate that a compiler must make from a matrix."""
_OPERAND_COST = 64
"""Operations counted for each qubit that a pragma names: a parser reads it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A result, with Pauli strings for the qubits that it names."""

    node: Node
    kind: str
    observables: tuple[Terms, ...] = ()
    qubits: tuple[int, ...] = ()


@lru_cache(maxsize=1_024)
def _operand(text: str) -> Node:
    (statement,) = tree(Source(f"barrier {text};")).statements
    return statement.qubits[0]


class BraketPragmas(Subroutines):
    """Pragmas of Amazon Braket. The parser refuses them inside blocks."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self.announced: Node | None = None
        """A verbatim pragma whose box comes next."""
        self._asked: list[_Asked] = []
        self._terms = 0
        """Pauli strings of the results until now."""
        self.simple[ast.Pragma] = self._pragma

    def results(self) -> tuple[ResultType, ...]:
        """The results that the program asks for, now that all of its qubits are known."""
        return tuple(map(self._result_type, self._asked))

    def verbatim_box(self, node: Node, scope: Scope) -> Ended | None:
        """Expand a box whose gates stay as they are, on the device qubits that it names."""
        if not self.physical:
            raise UnlocatedError("a verbatim box is for device qubits", "qubits such as $0 in place of declared ones")
        self.in_box = True
        try:
            return self.block(node.body, Scope(scope))
        finally:
            self.in_box = False

    def require_box(self) -> None:
        """Refuse a verbatim pragma that no box follows."""
        if self.announced is not None:
            raise self.source_map.error(self.announced, "no box follows the verbatim pragma", "box { ... } after it")

    def _pragma(self, node: Node, scope: Scope) -> None:
        match read_pragma(node.command):
            case Result() as result:
                self.costs.spend(_OPERAND_COST * result.operand_count, node)
                self._ask(node, result, scope)
            case Unitary() as gate:
                self._unitary(node, gate, scope)
            case "verbatim":
                self.announced = node

    # ----------------------------------------------------------------------------------------------------- results

    def _ask(self, node: Node, result: Result, scope: Scope) -> None:
        if result.kind == "probability":
            every = tuple(range(self.num_qubits))
            qubits = every if result.operands is None else self._distinct(result.operands, scope)
            self._count(1)
            self._asked.append(_Asked(node, result.kind, qubits=qubits))
            return
        observables = tuple(self._observables(result.terms, scope))
        if not all(any(string for string in it) for it in observables):
            raise UnlocatedError("the observable is a multiple of the identity", "one with x, y, z or h")
        if result.kind == "sample" and any(len(it) > 1 for it in observables):
            raise UnlocatedError(
                "samples are of a product of x, y and z: other observables are measured in several bases",
                "their expectation or variance",
            )
        self._count(sum(map(len, observables)) * (2 if result.kind == "variance" else 1))
        self._asked.append(_Asked(node, result.kind, observables))

    def _observables(self, terms: Sequence[Term], scope: Scope) -> Iterable[Terms]:
        if len(terms) == 1 and len(terms[0].factors) == 1 and terms[0].factors[0].matrix is None:
            (factor,) = terms[0].factors
            for qubit in self._each(factor, scope):
                yield multiplied([named(factor.name, qubit)], terms[0].coefficient)
        else:
            yield added(self._product(term, scope) for term in terms)

    def _each(self, factor: Factor, scope: Scope) -> tuple[int, ...]:
        """The qubits of an observable of one qubit: one, or each of a register."""
        return tuple(range(self.num_qubits)) if factor.operands is None else self._distinct(factor.operands, scope)

    def _product(self, term: Term, scope: Scope) -> Terms:
        parts: list[Terms] = []
        taken: list[int] = []
        for factor in term.factors:
            qubits = self._each(factor, scope)
            if factor.matrix is None and len(qubits) != 1:
                raise UnlocatedError(f"{factor.name!r} is of one qubit in a product or sum", "a qubit such as q[0]")
            taken += qubits
            parts.append(named(factor.name, qubits[0]) if factor.matrix is None else decomposed(factor.matrix, qubits))
        if len(set(taken)) < len(taken):
            raise UnlocatedError("an observable names one qubit twice", "different qubits", "arguments")
        return multiplied(parts, term.coefficient)

    def _result_type(self, asked: _Asked) -> ResultType:
        squares = tuple(map(squared, asked.observables)) if asked.kind == "variance" else ()
        return ResultType(
            asked.kind,
            asked.node.command.split(None, 2)[2].strip(),
            tuple(written(it, self.num_qubits) for it in asked.observables),
            tuple(written(it, self.num_qubits) for it in squares),
            asked.qubits,
            self.num_qubits,
        )

    def _count(self, terms: int) -> None:
        self._terms += terms
        if self._terms > _MOST_TERMS:
            raise UnlocatedError(
                f"the results have {self._terms:,} Pauli strings", f"at most {_MOST_TERMS:,}", "too_large"
            )

    # ------------------------------------------------------------------------------------------------------ qubits

    def _unitary(self, node: Node, gate: Unitary, scope: Scope) -> None:
        qubits = self._distinct(gate.operands, scope)
        if len(gate.matrix) != 1 << len(qubits):
            raise UnlocatedError(
                f"the matrix has {len(gate.matrix)} rows, and {len(qubits)} qubits are named",
                "2 rows for one qubit, 4 for two",
                "arguments",
            )
        if len(qubits) > _MOST_UNITARY_QUBITS:
            raise UnlocatedError(
                f"a matrix on {len(qubits)} qubits", f"at most {_MOST_UNITARY_QUBITS} qubits", "too_large"
            )
        self.costs.spend(_UNITARY_COST << len(qubits), node)
        self.place(UnitaryGate(gate.matrix), qubits[::-1], node, "unitary")  # Qiskit's first qubit is the lowest

    def _distinct(self, operands: Sequence[str], scope: Scope) -> tuple[int, ...]:
        """The qubits that texts name, each once."""
        try:
            nodes = [_operand(text) for text in operands]
            found = [qubit for it in nodes for qubit in self.expressions.qubits(it, scope).indices]
        except CircuitError as error:  # its place is that in the text of the pragma
            raise UnlocatedError(error.message, error.expected, error.code) from error
        if len(set(found)) < len(found):
            raise UnlocatedError("the pragma names one qubit twice", "different qubits", "arguments")
        return tuple(found)
