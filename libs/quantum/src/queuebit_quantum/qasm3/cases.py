"""Statements that need a number which depends on measurements: they are expanded once for each value of its bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.qasm3.assembly import Assembly
from queuebit_quantum.qasm3.blocks import Assign, Block
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, Undecided
from queuebit_quantum.qasm3.gates import Gates
from queuebit_quantum.qasm3.logic import Bit, sources
from queuebit_quantum.qasm3.memory import Memory
from queuebit_quantum.qasm3.names import Scope
from queuebit_quantum.qasm3.subroutines import Ended
from queuebit_quantum.qasm3.values import Word

__all__ = ["Cases"]

_MOST_BITS = 6
"""Measured bits that one statement is expanded for: 64 cases."""
_ANYWHERE = (
    *(ast.QuantumGate, ast.QuantumPhase, ast.QuantumMeasurementStatement, ast.QuantumReset, ast.QuantumBarrier),
    *(ast.DelayInstruction, ast.ClassicalAssignment, ast.ClassicalDeclaration, ast.ExpressionStatement),
    *(ast.BranchingStatement, ast.SwitchStatement, ast.ForInLoop, ast.ReturnStatement),
)
"""Statements that may stand in a block that depends on a measurement."""


class Before(NamedTuple):
    """The state before a statement."""

    block: Block
    items: int
    clbits: int


class _Flow(Protocol):
    """What this needs of `Flow`."""

    assembly: Assembly
    expressions: Expressions
    gates: Gates
    memory: Memory

    def statement(self, node: Node, scope: Scope) -> Ended | None: ...

    def decide(
        self, condition: Bit, one: Callable[[], Ended | None], other: Callable[[], Ended | None]
    ) -> Ended | None: ...


class Cases:
    """The statements of one program that are expanded by cases."""

    def __init__(self, flow: _Flow) -> None:
        self._flow = flow
        self._open = 0
        """Bits whose value is assumed now."""

    def before(self) -> Before:
        """Return the state that `expand` needs to see what a statement has done."""
        block = self._flow.assembly.block
        return Before(block, len(block.items), len(self._flow.memory.clbits))

    def expand(
        self, node: Node, scope: Scope, undecided: Undecided, located: CircuitError, before: Before
    ) -> Ended | None:
        """Expand a statement that `undecided` ended.

        Raises:
            CircuitError: `located`, if the statement depends on too many bits or has an effect outside the cases.
        """
        computed = self._undone(before) if isinstance(node, _ANYWHERE) else None
        if computed is None:
            raise located from None
        if self._by_bits_of_angle(node, scope):
            return None
        bits = self._deciding(undecided, computed)
        if len(bits) + self._open > _MOST_BITS:
            message = f"{located.message}: {len(bits) + self._open} measured bits decide it"
            raise CircuitError(
                message, located.line, located.column, f"at most {_MOST_BITS} measured bits", located.code
            ) from None
        if isinstance(node, ast.ClassicalDeclaration):
            node = self._declared(node, scope)
        self._open += 1
        try:
            return self._flow.decide(
                self._flow.memory.stored(bits[0]),
                lambda: self._given(node, scope, bits[0], True),
                lambda: self._given(node, scope, bits[0], False),
            )
        finally:
            self._open -= 1

    def _given(self, node: Node, scope: Scope, bit: int, value: bool) -> Ended | None:
        self._flow.memory.set_known(bit, value)
        return self._flow.statement(node, scope)

    def _undone(self, before: Before) -> dict[int, Bit] | None:
        """Remove and return the bits that a statement computed before it ended; None if it did more than that."""
        if self._flow.assembly.block is not before.block:
            return None
        new: dict[int, Bit] = {}
        for item in before.block.items[before.items :]:
            if not isinstance(item, Assign) or item.clbit < before.clbits:
                return None
            new[item.clbit] = item.value
        del before.block.items[before.items :]
        return new

    def _deciding(self, undecided: Undecided, computed: Mapping[int, Bit]) -> list[int]:
        """Return the bits that decide a number, ascending: for a bit that was computed, those that it comes from."""
        found: set[int] = set()
        left, seen = [self._flow.memory.index(clbit) for clbit in undecided.bits], set[int]()
        while left:
            bit = left.pop()
            if bit in computed and bit not in seen:
                seen.add(bit)
                left += [self._flow.memory.index(clbit) for clbit in sources(computed[bit])]
            elif bit not in computed:
                found.add(bit)
        return sorted(found)

    def _declared(self, node: Node, scope: Scope) -> Node:
        """Declare a variable, and return the assignment of its first value."""
        bare = replace(node, init_expression=None)
        bare.span = node.span
        self._flow.statement(bare, scope)
        assignment = ast.ClassicalAssignment(node.identifier, ast.AssignmentOperator["="], node.init_expression)
        assignment.span = node.span
        return assignment

    def _by_bits_of_angle(self, node: Node, scope: Scope) -> bool:
        """Expand a rotation by a measured angle as one rotation for each of its bits; False if it is none."""
        angle = self._flow.gates.angle_of_rotation(node)
        if angle is None:
            return False
        try:
            value = self._flow.expressions.value(angle, scope)
        except CircuitError:
            return False
        if not isinstance(value, Word) or value.kind != "angle" or value.known:
            return False
        for place, bit in enumerate(value.bits):
            part = _with_angle(node, math.ldexp(math.tau, place - len(value.bits)))
            self._flow.decide(bit, partial(self._flow.statement, part, scope), lambda: None)
        return True


def _with_angle(node: Node, angle: float) -> Node:
    literal = ast.FloatLiteral(angle)
    part = replace(node, argument=literal) if isinstance(node, ast.QuantumPhase) else replace(node, arguments=[literal])
    part.span = literal.span = node.span
    return part
