"""Evaluates the values of `for` loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from openqasm3 import ast

from queuebit_quantum.qasm3.costs import Costs
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Bits, Scope, Variable
from queuebit_quantum.qasm3.values import Value, Word, converted, integer, word

__all__ = ["Loops"]


class Loops:
    """The `for` loops of one program."""

    def __init__(self, expressions: Expressions, costs: Costs, source_map: SourceMap) -> None:
        self._expressions = expressions
        self._costs = costs
        self._source_map = source_map

    def scopes(self, node: Node, scope: Scope, depth: int) -> tuple[int, Iterator[Scope]]:
        """Return the number of iterations, and a scope with the loop variable for each iteration.

        Raises:
            CircuitError: the values depend on a measurement, or the loop expands to too many operations.
        """
        values = self._values(node, scope)
        self._costs.require(len(values), node.block, node, scope)
        return len(values), (self._scope(node, scope, value, depth) for value in values)

    def _scope(self, node: Node, outer: Scope, value: Value, depth: int) -> Scope:
        self._costs.spend(1, node)
        kind = self._expressions.type(node.type, outer)
        try:
            held = converted(value, kind)
        except UnlocatedError as error:
            raise self._source_map.at(node, error) from error
        scope = Scope(outer)
        scope.declare(node.identifier.name, Variable(kind, held, depth=depth))
        return scope

    def _values(self, node: Node, scope: Scope) -> Sequence[Value]:
        among = node.set_declaration
        try:
            match among:
                case ast.DiscreteSet():
                    return [self._expressions.value(value, scope) for value in among.values]
                case ast.RangeDefinition():
                    return self._range(among, scope)
            found = self._expressions.operand(among, scope)
            if isinstance(found, Bits | Word):
                bits = self._expressions.value(among, scope)
                return [word(bit) for bit in bits.bits] if isinstance(bits, Word) else []
            if isinstance(found, list):
                return found
        except UnlocatedError as error:
            raise self._source_map.at(among, error) from error
        raise self._source_map.error(among, "a loop cannot iterate over this", "a range, a set, a register or an array")

    def _range(self, node: Node, scope: Scope) -> range:
        if node.start is None or node.end is None:
            raise UnlocatedError("the loop's range has no end", "a range such as [0:3]")
        start, end = (integer(self._expressions.value(bound, scope), "the bound") for bound in (node.start, node.end))
        step = 1 if node.step is None else integer(self._expressions.value(node.step, scope), "the step")
        if step == 0:
            raise UnlocatedError("a step of 0", "another step", "index")
        if max(abs(start), abs(end)) >= 1 << 62:
            raise UnlocatedError("the loop's bounds are too large", "bounds below 2^62", "too_large")
        return range(start, end + (1 if step > 0 else -1), step)
