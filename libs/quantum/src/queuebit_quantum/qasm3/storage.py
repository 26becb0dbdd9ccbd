"""The bits and variables of a program during its expansion."""

from __future__ import annotations

from abc import ABC, abstractmethod

from openqasm3 import ast
from qiskit.circuit.classical import expr

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3.arrays import Arrays
from queuebit_quantum.qasm3.assembly import Assembly
from queuebit_quantum.qasm3.costs import Costs
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.logic import Bit, sources
from queuebit_quantum.qasm3.memory import Memory
from queuebit_quantum.qasm3.names import Bits, Scope, Variable
from queuebit_quantum.qasm3.values import Type, Value, Word, converted, stored_bits

__all__ = ["Storage", "named"]

_ON_BITS = frozenset({"<<", ">>"})
"""Operators that move the bits of an angle."""
_STORED = frozenset({"angle", "bit", "bool", "int", "uint"})
"""Types whose values may depend on measurements; such values are stored in classical bits."""


class Storage(ABC):
    """Known variables, and bits that a run decides.

    A variable is a plain value until it depends on a measurement; from then on it has bits in the circuit.
    """

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        self.source_map = source_map
        self.limits = limits
        self.memory = Memory()
        self.assembly = Assembly(self.memory)
        self.globals = Scope()
        self.costs = Costs(limits, source_map)
        self.expressions = Expressions(source_map, self.costs, self.memory, physical, self.call, self._read_often)
        self.arrays = Arrays(self)

    @abstractmethod
    def call(self, node: Node, scope: Scope) -> Value:
        """Expand a subroutine call or a measurement inside an expression."""

    def bits(self, node: Node, scope: Scope) -> Bits:
        """Return the stored bits that the target of a measurement names."""
        for name in named(node):
            variable = scope.find(name)
            if isinstance(variable, Variable) and variable.type.dimensions:
                self._element_in_bits(node, variable, scope)
            elif isinstance(variable, Variable):
                replaced = isinstance(node, ast.Identifier) and variable.depth == self.assembly.depth
                self.put_in_bits(name, scope, keep=not replaced)
        found = self.expressions.operand(node, scope)
        if not isinstance(found, Bits):
            raise self.source_map.error(
                node, "the target of a measurement is not a bit", "a bit or a bit register", "arguments"
            )
        return found

    def assign(self, node: Node, scope: Scope) -> None:
        value = self.expressions.value(node.rvalue, scope)
        operator = node.op.name.removesuffix("=")
        if operator:
            old = self.expressions.value(node.lvalue, scope)
            symbol = scope.visible(getattr(node.lvalue, "name", "")) if operator in _ON_BITS else None
            if isinstance(old, float) and isinstance(symbol, Variable) and symbol.type.kind == "angle":
                old = Word(stored_bits(old, symbol.type), kind="angle")
            value = self.expressions.combined(operator, old, value, node)
        self.set(node.lvalue, value, scope)

    def set(self, target: Node, value: Value, scope: Scope) -> None:
        """Assign a value to a variable, an element or bits."""
        name = target.name if isinstance(target, ast.Identifier) else target.name.name
        symbol = scope.find(name)
        if isinstance(symbol, Variable):
            if symbol.constant:
                raise UnlocatedError(f"{name!r} is a constant", "a variable")
            if symbol.type.dimensions:
                self.arrays.set(target, symbol, value, scope)
                return
            replaced = isinstance(target, ast.Identifier) and symbol.depth == self.assembly.depth
            if replaced:
                new = converted(value, symbol.type)
                if not isinstance(new, Word) or new.known:
                    symbol.value = new
                    return
            self.put_in_bits(name, scope, keep=not replaced)
        found = self.expressions.operand(target, scope)
        if not isinstance(found, Bits):
            raise UnlocatedError(f"{name!r} cannot be assigned to", "a variable or bits")
        self.store(found, value, target)

    def _element_in_bits(self, target: Node, symbol: Variable, scope: Scope) -> None:
        """Store the element of an array in bits, if the target names one element."""
        if isinstance(target, ast.IndexedIdentifier):
            self.arrays.in_bits(target, symbol, scope)

    def hidden_bit(self) -> int:
        """Add one bit that is not part of the result."""
        return self.hidden(1)[0]

    def hidden(self, width: int) -> tuple[int, ...]:
        """Add bits that are not part of the result."""
        total = self.costs.size.clbits + width
        if total > self.limits.max_clbits:
            raise UnlocatedError(
                f"the program needs {total:,} classical bits", f"at most {self.limits.max_clbits:,}", "too_large"
            )
        self.costs.size.clbits = total
        return self.memory.allocate(width, zero=not self.assembly.in_loop)

    def put_in_bits(self, name: str, scope: Scope, *, keep: bool = True) -> None:
        """Store a variable in classical bits, because it now depends on measurements; `keep` copies its value."""
        owner = scope.owner(name)
        variable = owner.names[name]
        if not isinstance(variable, Variable):
            return
        if variable.type.dimensions or variable.type.kind not in _STORED:
            raise UnlocatedError(
                f"{name!r} of type {variable.type.kind} depends on a measurement",
                "a variable of type bit, bool, int, uint or angle",
            )
        owner.names[name] = self.bits_with(variable.value, variable.type, variable.depth, keep=keep)

    def bits_with(self, value: Value, kind: Type, depth: int, *, keep: bool = True) -> Bits:
        """Return new bits; `keep` gives them a value that was set in the block at `depth`."""
        if kind.kind not in _STORED:
            raise UnlocatedError(
                f"a value of type {kind.kind} depends on a measurement",
                "a variable of type bit, bool, int, uint or angle",
            )
        bits = self.hidden(kind.width)
        for clbit, bit in zip(bits, stored_bits(value, kind), strict=True):
            if keep and (bit is not False or depth):
                self.assembly.store(clbit, bit, depth)
                self.memory.set_first(clbit, bit)
        return Bits(bits, kind)

    def store(self, target: Bits, value: Value, node: Node) -> None:
        """Set stored bits; reads all bits before it writes one."""
        if isinstance(value, Word) and len(value.bits) != len(target.indices) and target.type.kind == "bit":
            raise UnlocatedError(
                f"{len(value.bits)} bits are assigned to {len(target.indices)}", "registers of one size", "arguments"
            )
        bits = stored_bits(converted(value, target.type), target.type)
        self.costs.spend(len(bits), node)
        if self._overwrites(target.indices, bits):
            bits = tuple(self._kept(bit) for bit in bits)
        for clbit, bit in zip(target.indices, bits, strict=True):
            if isinstance(bit, bool) and self.memory.read(clbit) is bit:
                continue
            self.assembly.store(clbit, bit)
            self.memory.set_known(clbit, bit if isinstance(bit, bool) else None)

    def _overwrites(self, targets: tuple[int, ...], bits: tuple[Bit, ...]) -> bool:
        written: set[int] = set()
        for clbit, bit in zip(targets, bits, strict=True):
            if any(self.memory.index(source) in written for source in sources(bit)):
                return True
            written.add(clbit)
        return False

    def _read_often(self, bit: Bit) -> Bit:
        return bit if isinstance(bit, expr.Var) else self._kept(bit)

    def _kept(self, bit: Bit) -> Bit:
        """Store a bit that is computed, so that it keeps its value and is read in one step."""
        if isinstance(bit, bool):
            return bit
        (clbit,) = self.hidden(1)
        self.assembly.store(clbit, bit)
        self.memory.set_known(clbit, None)
        return self.memory.read(clbit)


def named(node: Node) -> list[str]:
    """Return the names of the registers in an operand."""
    match node:
        case ast.Identifier():
            return [node.name]
        case ast.IndexedIdentifier():
            return [node.name.name]
        case ast.IndexExpression():
            return named(node.collection)
        case ast.Concatenation():
            return named(node.lhs) + named(node.rhs)
    return []
