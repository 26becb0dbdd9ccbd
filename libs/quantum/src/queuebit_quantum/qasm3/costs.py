"""Counts the operations of statements before they are expanded."""

from __future__ import annotations

from collections.abc import Sequence

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.program_size import GateCost, ProgramSize
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Scope
from queuebit_quantum.qasm3.values import Qubits

__all__ = ["Costs", "added_controls"]

_CONTROL_COST = 16
"""Operations counted for each of the first three controls of a gate with more than two: their decompositions grow."""
_FREE_CONTROLS = 2
_GATE = GateCost()


class Costs:
    """Operations counted until now, and lower bounds for statements.

    A bound counts each statement once, a gate by its definition, and a loop over plain numbers by its iterations. So a
    loop that is too large is refused before its first iteration, and a gate at its definition.
    """

    def __init__(self, limits: Limits, source_map: SourceMap) -> None:
        self.limits = limits
        self.size = ProgramSize(limits)
        self._source_map = source_map
        self._spent = 0

    def spend(self, operations: int, node: Node) -> None:
        """Count operations before they are added to the circuit."""
        self._spent += operations
        if self._spent > self.limits.max_operations:
            self.size.check(self._spent, lambda *fault: self._source_map.error(node, *fault))

    def require(self, iterations: int, block: Sequence[Node], node: Node, scope: Scope) -> None:
        """Refuse a loop that expands to too many operations."""
        least = iterations * max(1, self._bound(block, scope).operations)
        self.size.check(self._spent + least, lambda *fault: self._source_map.error(node, *fault), "the loop")

    def define(self, node: Node) -> None:
        """Count a gate definition."""
        body = [self._of(statement, None) for statement in node.body]
        self.size.define(node.name.name, body, lambda *fault: self._source_map.error(node, *fault))

    def gate(self, node: Node) -> GateCost:
        """Return the cost of one use of a gate, with its controls."""
        cost = self.size.cost(node.name.name) if isinstance(node, ast.QuantumGate) else _GATE
        if not node.modifiers:
            return cost
        controls = added_controls(node, self.limits)
        factor = 1 if controls <= _FREE_CONTROLS else _CONTROL_COST ** min(controls, 3)
        return GateCost(cost.operations * factor, cost.level)

    def _bound(self, block: Sequence[Node], scope: Scope | None) -> GateCost:
        """Return a lower bound of the cost of a block."""
        costs = [self._of(statement, scope) for statement in block]
        return GateCost(sum(cost.operations for cost in costs), max((cost.level for cost in costs), default=0))

    def _of(self, node: Node, scope: Scope | None) -> GateCost:
        if isinstance(node, ast.QuantumGate | ast.QuantumPhase):
            try:
                cost = self.gate(node)
            except UnlocatedError as error:
                raise self._source_map.at(node, error) from error
            return GateCost(
                cost.operations * max((_width(qubit, scope) for qubit in node.qubits), default=1), cost.level
            )
        if not isinstance(node, ast.ForInLoop):
            return _GATE
        inside = self._bound(node.block, scope)
        return GateCost(_iterations(node.set_declaration) * max(1, inside.operations), inside.level)


def _width(operand: Node, scope: Scope | None) -> int:
    """Return the size of an operand that is a whole register; otherwise 1."""
    symbol = scope.visible(operand.name) if scope is not None and isinstance(operand, ast.Identifier) else None
    return len(symbol.indices) if isinstance(symbol, Qubits) else 1


def added_controls(node: Node, limits: Limits) -> int:
    """Return the number of controls that the modifiers of a gate add; arguments other than plain numbers count as 1."""
    controls = 0
    for modifier in node.modifiers:
        if modifier.modifier.name in ("ctrl", "negctrl"):
            controls += 1 if modifier.argument is None else (_integer(modifier.argument) or 1)
    if controls > limits.max_controls:
        raise UnlocatedError(f"modifiers add {controls:,} controls", f"at most {limits.max_controls}", "too_large")
    return controls


def _iterations(values: Node) -> int:
    """Return the number of iterations of a loop; 1 if its bounds are not plain numbers."""
    if isinstance(values, ast.DiscreteSet):
        return len(values.values)
    if not isinstance(values, ast.RangeDefinition) or values.start is None or values.end is None:
        return 1
    start, end = _integer(values.start), _integer(values.end)
    step = 1 if values.step is None else _integer(values.step)
    if start is None or end is None or not step:
        return 1
    return len(range(start, end + (1 if step > 0 else -1), step))


def _integer(node: Node) -> int | None:
    if isinstance(node, ast.IntegerLiteral):
        return int(node.value)
    if isinstance(node, ast.UnaryExpression) and node.op.name == "-":
        inner = _integer(node.expression)
        return None if inner is None else -inner
    return None
