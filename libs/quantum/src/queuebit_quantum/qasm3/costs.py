"""Counts what statements stand for before they are carried out."""

from __future__ import annotations

from collections.abc import Sequence

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3.faults import Mistake, Node, Places
from queuebit_quantum.qasm3.names import Scope
from queuebit_quantum.qasm3.values import Qubits
from queuebit_quantum.tally import GateCost, Tally

__all__ = ["Costs", "added_controls"]

_CONTROL_COST = 16
"""Operations charged for each of the first three controls of a gate with more than two: their decompositions grow."""
_FREE_CONTROLS = 2
_GATE = GateCost()


class Costs:
    """Operations spent so far, and lower bounds of what is to come.

    A bound takes each statement once, gates as their definitions count, and loops over plain numbers as often as they
    turn. So a loop is refused before its first turn, and a gate where it is defined.
    """

    def __init__(self, limits: Limits, places: Places) -> None:
        self.limits = limits
        self.tally = Tally(limits)
        self._places = places
        self._spent = 0

    def spend(self, operations: int, node: Node) -> None:
        """Count operations that are about to be carried out."""
        self._spent += operations
        if self._spent > self.limits.max_operations:
            self.tally.check(self._spent, lambda *fault: self._places.error(node, *fault))

    def require(self, turns: int, block: Sequence[Node], node: Node, scope: Scope) -> None:
        """Refuse a loop that would take too much."""
        least = turns * max(1, self._bound(block, scope).operations)
        self.tally.check(self._spent + least, lambda *fault: self._places.error(node, *fault), "the loop")

    def define(self, node: Node) -> None:
        """Count a gate definition."""
        body = [self._of(statement, None) for statement in node.body]
        self.tally.define(node.name.name, body, lambda *fault: self._places.error(node, *fault))

    def gate(self, node: Node) -> GateCost:
        """Return what one use of a gate stands for, controls included."""
        cost = self.tally.cost(node.name.name) if isinstance(node, ast.QuantumGate) else _GATE
        if not node.modifiers:
            return cost
        controls = added_controls(node, self.limits)
        factor = 1 if controls <= _FREE_CONTROLS else _CONTROL_COST ** min(controls, 3)
        return GateCost(cost.operations * factor, cost.level)

    def _bound(self, block: Sequence[Node], scope: Scope | None) -> GateCost:
        """Return the least that a block stands for."""
        costs = [self._of(statement, scope) for statement in block]
        return GateCost(sum(cost.operations for cost in costs), max((cost.level for cost in costs), default=0))

    def _of(self, node: Node, scope: Scope | None) -> GateCost:
        if isinstance(node, ast.QuantumGate | ast.QuantumPhase):
            try:
                cost = self.gate(node)
            except Mistake as mistake:
                raise self._places.at(node, mistake) from mistake
            return GateCost(
                cost.operations * max((_width(qubit, scope) for qubit in node.qubits), default=1), cost.level
            )
        if not isinstance(node, ast.ForInLoop):
            return _GATE
        inside = self._bound(node.block, scope)
        return GateCost(_turns(node.set_declaration) * max(1, inside.operations), inside.level)


def _width(operand: Node, scope: Scope | None) -> int:
    """Return how many qubits an operand names, as far as a whole register tells."""
    symbol = scope.visible(operand.name) if scope is not None and isinstance(operand, ast.Identifier) else None
    return len(symbol.indices) if isinstance(symbol, Qubits) else 1


def added_controls(node: Node, limits: Limits) -> int:
    """Return how many controls the modifiers of a gate add, as far as plain numbers tell."""
    controls = 0
    for modifier in node.modifiers:
        if modifier.modifier.name in ("ctrl", "negctrl"):
            controls += 1 if modifier.argument is None else (_integer(modifier.argument) or 1)
    if controls > limits.max_controls:
        raise Mistake(f"modifiers add {controls:,} controls", f"at most {limits.max_controls}", "too_large")
    return controls


def _turns(values: Node) -> int:
    """Return how often a loop turns; 1 where its bounds are not plain numbers."""
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
