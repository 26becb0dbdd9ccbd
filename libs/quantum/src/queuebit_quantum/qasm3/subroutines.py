"""Calls: expands the statements of a subroutine at each call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Bits, Scope, Subroutine, Variable
from queuebit_quantum.qasm3.statements import Statements
from queuebit_quantum.qasm3.values import Qubits, Type, Value, Word, converted

__all__ = ["Call", "Ended", "Subroutines", "Turn"]


class Ended(NamedTuple):
    """Why a block ended before its last statement."""

    how: str
    """`break`, `continue`, `return`, `end`, or `jump` if the backend leaves the loop.

    `left`: a run that comes here does not reach the next statement, and `flags` say where it goes on. `perhaps`: a run
    reaches the next statement only if all `flags` are 1.
    """
    value: Value = False
    flags: frozenset[int] = frozenset()
    """Classical bits that are 1 until a run leaves a loop, a turn of it, a subroutine or the program."""


@dataclass(slots=True)
class Call:
    """The innermost call."""

    depth: int = 0
    """The number of conditions around it."""
    kind: Type | None = None
    """The type of its value."""
    flag: int | None = None
    """0 after a `return` that depends on a measurement; None if there is none."""
    result: Bits | None = None
    """The value of such a `return`."""


@dataclass(slots=True)
class Turn:
    """A turn of an unrolled loop that a measurement can end early."""

    loop_depth: int
    """The number of conditions around the loop."""
    depth: int
    """The number of conditions around the statements of this turn."""
    flags: dict[str, int] = field(default_factory=dict)
    """For `break` and `continue`, the flag that it clears."""


class Subroutines(Statements):
    """Subroutines, and the state that a call saves."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self.loop: int | None = None
        """Depth of the loop that is being unrolled; None outside loops."""
        self.jumps = False
        """Whether the backend runs the innermost loop."""
        self.turn: Turn | None = None
        """The turn of a loop that a measurement can end early, if that loop is unrolled."""
        self.calls = 0
        self.innermost = Call()

    @abstractmethod
    def block(self, statements: Sequence[Node], scope: Scope) -> Ended | None:
        """Expand statements until one of them ends the block."""

    def call(self, node: Node, scope: Scope) -> Value:
        if isinstance(node, ast.QuantumMeasurement):
            qubits = self.expressions.qubits(node.qubit, scope)
            width = len(qubits.indices)
            target = Bits(self.hidden(width), Type("bit", None if qubits.scalar else width))
            self.measure(node, target, scope)
            return Word(tuple(map(self.memory.read, target.indices)), qubits.scalar)
        name = node.name.name
        symbol = scope.find(name)
        if not isinstance(symbol, Subroutine):
            raise UnlocatedError(f"{name!r} is not a function", "a function or subroutine", "arguments")
        definition = symbol.node
        if isinstance(definition, ast.ExternDeclaration):
            raise UnlocatedError(f"{name!r} is defined outside the program, which is not supported", "a `def` of it")
        given = [*node.arguments, *getattr(node, "qubits", ())]
        inner = self._bound(definition, given, scope)
        if self.calls >= self.limits.max_nesting:
            raise UnlocatedError(
                f"{name!r} calls subroutines too deeply", f"at most {self.limits.max_nesting} levels", "too_deep"
            )
        kind = None if definition.return_type is None else self.expressions.type(definition.return_type, inner)
        call = Call(self.assembly.depth, kind)
        state = self.loop, self.jumps, self.turn, self.innermost
        self.calls += 1
        self.loop, self.jumps, self.turn, self.innermost = None, False, None, call
        try:
            end = self.block(definition.body, inner)
        finally:
            self.calls -= 1
            self.loop, self.jumps, self.turn, self.innermost = state
        if call.result is not None:
            return self.expressions.read_bits(call.result)
        value = False if end is None else end.value
        return value if kind is None else converted(value, kind)

    def flag(self, depth: int) -> int:
        """Add a bit that is 1, and set in the block at `depth`."""
        found = self.hidden_bit()
        self.assembly.store(found, True, depth)
        self.memory.set_first(found, True)
        return found

    def leave(self, flag: int) -> Ended:
        """Clear a flag, so that a run skips the statements up to the place that the flag is for."""
        self.assembly.store(flag, False)
        self.memory.set_known(flag, False)
        return Ended("left", flags=frozenset({flag}))

    def leave_call(self, value: Value, node: Node) -> Ended:
        """Leave the innermost call with a value, if a run comes here."""
        call = self.innermost
        if call.flag is None:
            call.flag = self.flag(call.depth)
            if call.kind is not None:
                call.result = self.bits_with(False, call.kind, call.depth)
        if call.result is not None:
            self.store(call.result, value, node)
        return self.leave(call.flag)

    def _bound(self, definition: Node, given: Sequence[Node], scope: Scope) -> Scope:
        """Return the scope of a call, with its arguments."""
        name, wanted = definition.name.name, definition.arguments
        if len(given) != len(wanted):
            expected = f"{len(wanted)} argument{'s' * (len(wanted) != 1)}"
            raise UnlocatedError(f"{name!r} takes {expected}, but got {len(given)}", expected, "arguments")
        inner = Scope(self.globals, callable=True)
        taken: set[int] = set()
        for parameter, node in zip(wanted, given, strict=True):
            if isinstance(parameter, ast.QuantumArgument):
                qubits = self._arguments(parameter, node, scope)
                if not taken.isdisjoint(qubits.indices):
                    raise self.source_map.error(node, f"{name!r} gets one qubit twice", "different qubits", "arguments")
                taken.update(qubits.indices)
                inner.declare(parameter.name.name, qubits)
            else:
                inner.declare(parameter.name.name, self._passed(parameter, node, scope))
        return inner

    def _passed(self, parameter: Node, node: Node, scope: Scope) -> Variable | Bits:
        """Return a classical argument: a copy, or the caller's own array."""
        if isinstance(parameter.type, ast.ArrayReferenceType):
            found = scope.visible(getattr(node, "name", ""))
            if not isinstance(found, Variable) or not found.type.dimensions:
                raise self.source_map.error(node, "this is not an array", "the name of an array", "arguments")
            return found
        kind = self.expressions.type(parameter.type, scope)
        value = converted(self.expressions.value(node, scope), kind)
        if isinstance(value, Word) and not value.known:
            bits = Bits(self.hidden(kind.width), kind)
            self.store(bits, value, node)
            return bits
        return Variable(kind, value, depth=self.assembly.depth)

    def _arguments(self, parameter: Node, node: Node, scope: Scope) -> Qubits:
        qubits = self.expressions.qubits(node, scope)
        size = 1 if parameter.size is None else self.expressions.length(parameter.size, scope)
        if len(qubits.indices) != size:
            raise self.source_map.error(
                node,
                f"{len(qubits.indices)} qubits are given for {parameter.name.name!r} of {size}",
                "registers of one size",
                "arguments",
            )
        return Qubits(qubits.indices, scalar=parameter.size is None)
