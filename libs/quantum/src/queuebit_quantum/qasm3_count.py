"""Counts an OpenQASM 3 program on its tree, before anything is built from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.tally import GateCost, Tally

__all__ = ["count"]

_CONTROL_COST = 16
"""Operations charged for each control added to one operation: an upper guess for Qiskit's decompositions."""
_MAX_POWER_QUBITS = 6
"""A power is computed on the gate's full matrix, so its side doubles with each qubit."""

_Node = Any
"""A node of the openqasm3 tree, which ships no usable types."""


def count(program: _Node, limits: Limits) -> None:
    """Refuse a program that is too large once written out.

    Raises:
        CircuitError: a register, loop, gate definition, modifier or the whole program is past a limit.
    """
    counter = _Counter(limits)
    total = 0
    for statement in program.statements:
        total += counter.cost(statement).operations
        counter.tally.check(total, _at(statement))


def _at(node: _Node) -> Callable[[str, str, str], CircuitError]:
    """Return a function that builds errors at one node from message, expected and code."""
    return lambda message, expected, code: CircuitError(
        message, node.span.start_line, node.span.start_column + 1, expected, code
    )


class _Counter:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.tally = Tally(limits)

    def cost(self, node: _Node, *, in_gate: bool = False) -> GateCost:
        """Count one statement; any of them is at least one operation, because a loop may repeat it."""
        match type(node).__name__:
            case "QubitDeclaration":
                self._declare(node.qubit.name, node.size, node, quantum=True)
            case "ClassicalDeclaration" if type(node.type).__name__ == "BitType":
                self._declare(node.identifier.name, node.type.size, node, quantum=False)
                return GateCost(self.tally.registers[node.identifier.name] if node.init_expression else 0)
            case "AliasStatement":
                self.tally.registers[node.target.name] = max(self.tally.qubits, self.tally.clbits)
            case "QuantumGateDefinition":
                body = [self.cost(inner, in_gate=True) for inner in node.body]
                self.tally.define(node.name.name, body, _at(node))
            case "QuantumGate":
                return self._gate(node, self.tally.cost(node.name.name), in_gate)
            case "QuantumPhase":
                return self._gate(node, GateCost(), in_gate)
            case "QuantumMeasurementStatement":
                return GateCost(self._width(node.measure.qubit))
            case "QuantumReset":
                return GateCost(self._width(node.qubits))
            case "ForInLoop":
                times = _iterations(node.set_declaration)
                return self._block(node.block, times, node)
            case "BranchingStatement":
                return self._block([*node.if_block, *node.else_block], 1, node)
            case "WhileLoop":
                return self._block(node.block, 1, node)
            case "Box":
                return self._block(node.body, 1, node)
        return GateCost()

    def _declare(self, name: str, size: _Node | None, node: _Node, *, quantum: bool) -> None:
        number = 1 if size is None else _integer(size)
        if number is None:
            raise _at(node)(f"the size of {name!r} is not a plain number", "an integer such as 5", "unsupported")
        self.tally.declare(name, number, quantum=quantum, error=_at(node))

    def _gate(self, node: _Node, cost: GateCost, in_gate: bool) -> GateCost:
        operations, controls = cost.operations, 0
        for modifier in node.modifiers:
            if modifier.modifier.name in ("ctrl", "negctrl"):
                controls += 1 if modifier.argument is None else (_integer(modifier.argument) or 0)
            elif modifier.modifier.name == "pow" and len(node.qubits) > _MAX_POWER_QUBITS:
                raise _at(node)("'pow' on so many qubits", f"at most {_MAX_POWER_QUBITS} qubits", "too_large")
        if controls > self._limits.max_controls:
            raise _at(node)(f"modifiers add {controls:,} controls", f"at most {self._limits.max_controls}", "too_large")
        width = 1 if in_gate else max((self._width(qubit) for qubit in node.qubits), default=1)
        return GateCost(operations * _CONTROL_COST ** min(controls, 3) * width, cost.level)

    def _block(self, statements: list[_Node], times: int, node: _Node) -> GateCost:
        inside = [self.cost(statement) for statement in statements]
        operations = times * max(1, sum(used.operations for used in inside))
        self.tally.check(operations, _at(node), "the block")
        return GateCost(operations, max((used.level for used in inside), default=0))

    def _width(self, operand: _Node) -> int:
        """Return how many bits an operand names, at most."""
        if type(operand).__name__ == "Identifier":
            return self.tally.registers.get(operand.name, 1)
        for indices in getattr(operand, "indices", ()):
            for index in indices if isinstance(indices, list) else [indices]:
                if type(index).__name__ in ("RangeDefinition", "DiscreteSet"):
                    return self.tally.registers.get(operand.name.name, 1)
        return 1


def _iterations(indices: _Node) -> int:
    """Return how often a loop runs; 1 where its bounds are not plain numbers, which the converter refuses."""
    if type(indices).__name__ == "DiscreteSet":
        return len(indices.values)
    if type(indices).__name__ != "RangeDefinition" or indices.start is None or indices.end is None:
        return 1
    start, end = _integer(indices.start), _integer(indices.end)
    step = 1 if indices.step is None else _integer(indices.step)
    if start is None or end is None or not step:
        return 1
    return max(0, (end - start) // step + 1)


def _integer(node: _Node) -> int | None:
    """Return the value of integer arithmetic on literals, or None."""
    match type(node).__name__:
        case "IntegerLiteral":
            return int(node.value)
        case "UnaryExpression" if node.op.name == "-":
            inner = _integer(node.expression)
            return None if inner is None else -inner
        case "BinaryExpression" if node.op.name in ("+", "-", "*", "/"):
            left, right = _integer(node.lhs), _integer(node.rhs)
            if left is None or right is None:
                return None
            match node.op.name:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case _:
                    return left // right if right else None
    return None
