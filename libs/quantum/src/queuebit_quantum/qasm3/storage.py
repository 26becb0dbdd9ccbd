"""The bits and variables of a program during its expansion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3.arithmetic import binary
from queuebit_quantum.qasm3.assembly import Assembly, Memory
from queuebit_quantum.qasm3.costs import Costs
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.logic import Bit, sources
from queuebit_quantum.qasm3.names import Bits, Scope, Variable
from queuebit_quantum.qasm3.values import Type, Value, Word, bits_of, converted

__all__ = ["Storage", "named"]

_STORED = frozenset({"bit", "bool", "int", "uint"})
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
        self.expressions = Expressions(source_map, self.costs, self.memory, physical, self.call)

    @abstractmethod
    def call(self, node: Node, scope: Scope) -> Value:
        """Expand a subroutine call or a measurement inside an expression."""

    def bits(self, node: Node, scope: Scope) -> Bits:
        """Return the stored bits that the target of a measurement names."""
        for name in named(node):
            variable = scope.find(name)
            if isinstance(variable, Variable):
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
            value = binary(operator, self.expressions.value(node.lvalue, scope), value)
        self.set(node.lvalue, value, scope)

    def set(self, target: Node, value: Value, scope: Scope) -> None:
        """Assign a value to a variable, an element or bits."""
        name = target.name if isinstance(target, ast.Identifier) else target.name.name
        symbol = scope.find(name)
        if isinstance(symbol, Variable):
            if symbol.constant:
                raise UnlocatedError(f"{name!r} is a constant", "a variable")
            if isinstance(target, ast.IndexedIdentifier) and symbol.type.dimensions:
                self._set_element(target, symbol, value, scope)
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

    def _set_element(self, target: Node, symbol: Variable, value: Value, scope: Scope) -> None:
        if symbol.depth != self.assembly.depth:
            raise UnlocatedError("the change of an array depends on a measurement", "a bit register instead")
        holder: Any = symbol.value
        parts = [part for index in target.indices for part in (index if isinstance(index, list) else [index])]
        for part in parts[:-1]:
            holder = holder[self._single(part, scope, holder, target.name.name)]
        place = self._single(parts[-1], scope, holder, target.name.name)
        left = symbol.type.dimensions[len(parts) :]
        holder[place] = converted(value, Type(symbol.type.kind, symbol.type.size, left))

    def _single(self, part: Node, scope: Scope, holder: Any, name: str) -> int:
        if not isinstance(holder, list):
            raise UnlocatedError(f"{name!r} has fewer dimensions", "as many indices as dimensions", "arguments")
        chosen, single = self.expressions.positions(part, scope, len(holder), name)
        if not single:
            raise UnlocatedError("a slice of an array cannot be assigned to", "single elements")
        return chosen[0]

    def hidden(self, width: int) -> tuple[int, ...]:
        """Add bits that are not part of the result."""
        total = self.costs.size.clbits + width
        if total > self.limits.max_clbits:
            raise UnlocatedError(
                f"the program needs {total:,} classical bits", f"at most {self.limits.max_clbits:,}", "too_large"
            )
        self.costs.size.clbits = total
        return self.memory.allocate(width, zero=self.assembly.depth == 0)

    def put_in_bits(self, name: str, scope: Scope, *, keep: bool = True) -> None:
        """Store a variable in classical bits, because it now depends on measurements; `keep` copies its value."""
        owner = scope.owner(name)
        variable = owner.names[name]
        if not isinstance(variable, Variable):
            return
        if variable.type.kind not in _STORED or variable.type.dimensions:
            raise UnlocatedError(
                f"{name!r} of type {variable.type.kind} depends on a measurement",
                "a variable of type bit, bool or uint",
            )
        bits = self.hidden(variable.type.width)
        for clbit, value in zip(bits, bits_of(variable.value, len(bits)), strict=True):
            if keep and (value is not False or variable.depth):
                self.assembly.store(clbit, value, variable.depth)
                self.memory.set_known(clbit, value if variable.depth == self.assembly.depth else None)
        owner.names[name] = Bits(bits, variable.type)

    def store(self, target: Bits, value: Value, node: Node) -> None:
        """Set stored bits; reads all bits before it writes one."""
        if isinstance(value, Word) and len(value.bits) != len(target.indices) and target.type.kind == "bit":
            raise UnlocatedError(
                f"{len(value.bits)} bits are assigned to {len(target.indices)}", "registers of one size", "arguments"
            )
        held = converted(value, target.type)
        bits = bits_of(held, len(target.indices))
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

    def _kept(self, bit: Bit) -> Bit:
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
