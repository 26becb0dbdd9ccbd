"""Evaluates expressions, and resolves operands to bits and qubits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

from openqasm3 import ast

from queuebit_quantum.qasm3 import sums
from queuebit_quantum.qasm3.arithmetic import FUNCTIONS, binary, unary
from queuebit_quantum.qasm3.costs import Costs
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.logic import Bit
from queuebit_quantum.qasm3.memory import Memory
from queuebit_quantum.qasm3.names import Bits, Scope, Subroutine, Variable
from queuebit_quantum.qasm3.symbols import deferred
from queuebit_quantum.qasm3.values import (
    Duration,
    Qubits,
    Type,
    Value,
    Word,
    converted,
    integer,
    number,
    stored_bits,
)

__all__ = ["Expressions"]

_KINDS = {
    ast.IntType: "int", ast.UintType: "uint", ast.FloatType: "float", ast.AngleType: "angle", ast.BitType: "bit",
    ast.BoolType: "bool", ast.ComplexType: "complex", ast.DurationType: "duration", ast.StretchType: "stretch",
}  # fmt: skip
_Found: TypeAlias = "Qubits | Bits | Value"
_Element = TypeVar("_Element")
_MAX_ELEMENTS = 65_536
"""Elements of an array, and the largest size of a type."""
_READ_COST = 8
"""Operations counted for a bit in an expression, because conditions are larger than gates."""
_SMALL_COST = 8
"""Number of known bits, array elements or qubits of a slice that count as one operation."""
_WHOLE = frozenset({"angle", "int", "uint"})
"""Types that are stored in bits and are numbers."""
_PLAIN = (ast.IntegerLiteral, ast.FloatLiteral, ast.BooleanLiteral)


class Expressions:
    """Expressions of one program."""

    def __init__(
        self,
        source_map: SourceMap,
        costs: Costs,
        memory: Memory,
        physical: tuple[int, ...],
        call: Callable[[Node, Scope], Value],
        keep: Callable[[Bit], Bit],
    ) -> None:
        self._source_map = source_map
        self._costs = costs
        self._memory = memory
        self._physical = {f"${number}": Qubits((rank,), scalar=True) for rank, number in enumerate(physical)}
        self._call = call
        self._keep = keep

    def value(self, node: Node, scope: Scope) -> Value:
        """Return the value of an expression.

        Raises:
            CircuitError: the expression has no value, or one that neither this loader nor a backend can compute.
        """
        if isinstance(node, _PLAIN):
            return cast("Value", node.value)
        try:
            return self._evaluated(node, scope)
        except UnlocatedError as error:
            raise self._source_map.at(node, error) from error

    def _evaluated(self, node: Node, scope: Scope) -> Value:
        match node:
            case ast.Identifier() | ast.IndexedIdentifier() | ast.IndexExpression() | ast.Concatenation():
                return self._read(node, self.reference(node, scope))
            case ast.BinaryExpression():
                return self.combined(node.op.name, self.value(node.lhs, scope), self.value(node.rhs, scope), node)
            case ast.UnaryExpression():
                return self._unary(node, self.value(node.expression, scope))
            case ast.FunctionCall():
                return self._function(node, scope)
            case ast.Cast():
                return converted(self.value(node.argument, scope), self.type(node.type, scope))
            case ast.BitstringLiteral():
                return Word(tuple(bool(node.value >> place & 1) for place in range(node.width)))
            case ast.DurationLiteral():
                return Duration(node.value, node.unit.name)
            case ast.ImaginaryLiteral():
                return complex(0, node.value)
            case ast.ArrayLiteral():
                return [self.value(element, scope) for element in node.values]
            case ast.SizeOf():
                return self._size(node, scope)
            case ast.QuantumMeasurement():
                return self._call(node, scope)
            case ast.DurationOf():
                return Duration(0.0, "s", open=True)
        raise UnlocatedError(f"{_words(node)} is not supported here", "an expression of numbers and bits")

    def combined(self, operator: str, left: Value, right: Value, node: Node) -> Value:
        """Apply an operator of two operands, which may depend on measurements."""
        if operator in sums.OPERATORS and (_is_measured(left) or _is_measured(right)):
            widths = [len(it.bits) if isinstance(it, Word) else 1 for it in (left, right)]
            bits = math.prod(widths) if operator == "*" else max(widths)
            self._costs.spend(_READ_COST * bits, node)
            found = sums.combined(operator, left, right, self._keep)
            if found is not None:
                return found
        return binary(operator, left, right)

    def _unary(self, node: Node, value: Value) -> Value:
        if node.op.name == "-" and _is_measured(value):
            return self.combined("-", 0, value, node)
        return unary(node.op.name, value)

    def _function(self, node: Node, scope: Scope) -> Value:
        name = node.name.name
        if name in FUNCTIONS and scope.visible(name) is None:
            arguments = [self.value(argument, scope) for argument in node.arguments]
            if name == "popcount" and len(arguments) == 1 and isinstance(word := arguments[0], Word) and not word.known:
                count: Value = 0
                for bit in word.bits:
                    count = self.combined("+", count, Word((bit,)), node)
                return count
            later = deferred(partial(_applied, name), *arguments)
            return _applied(name, *arguments) if later is None else later
        return self._call(node, scope)

    def reference(self, node: Node, scope: Scope) -> _Found:
        """Return the qubits or stored bits that an operand names, or the value of another expression."""
        match node:
            case ast.Identifier() if node.name in self._physical:
                return self._physical[node.name]
            case ast.Identifier():
                symbol = scope.find(node.name)
                if isinstance(symbol, Subroutine):
                    raise UnlocatedError(f"{node.name!r} is a subroutine", f"{node.name}(…)", "arguments")
                return symbol.value if isinstance(symbol, Variable) else symbol
            case ast.IndexedIdentifier():
                found: Any = self._with_bits(node.name, self.operand(node.name, scope), scope)
                for index in node.indices:
                    found = self._indexed(found, index, scope, node.name.name)
                return cast("_Found", found)
            case ast.IndexExpression():
                name = getattr(node.collection, "name", "the value")
                whole = self._with_bits(node.collection, self.operand(node.collection, scope), scope)
                return cast("_Found", self._indexed(whole, node.index, scope, name))
            case ast.Concatenation():
                return cast("_Found", _joined(self.operand(node.lhs, scope), self.operand(node.rhs, scope)))
        return self.value(node, scope)

    def _with_bits(self, node: Node, found: Any, scope: Scope) -> Any:  # as `reference`
        """Return the bits of a variable that holds an angle, whose elements are its bits."""
        symbol = scope.visible(getattr(node, "name", ""))
        if isinstance(symbol, Variable) and symbol.type.kind == "angle" and isinstance(found, float):
            return Word(stored_bits(found, symbol.type))
        return found

    def operand(self, node: Node, scope: Scope) -> _Found:
        """As `reference`; errors have the position of the node."""
        try:
            return self.reference(node, scope)
        except UnlocatedError as error:
            raise self._source_map.at(node, error) from error

    def qubits(self, node: Node, scope: Scope) -> Qubits:
        """Return the qubits that an operand names."""
        found = self.operand(node, scope)
        if not isinstance(found, Qubits):
            raise self._source_map.error(
                node, f"{_words(node)} is not a qubit", "a qubit or a qubit register", "arguments"
            )
        return found

    def type(self, node: Node, scope: Scope) -> Type:
        """Return the type of a declaration; computes its sizes."""
        if isinstance(node, ast.ArrayType):
            base = self.type(node.base_type, scope)
            dimensions = tuple(self.length(size, scope) for size in node.dimensions)
            if math.prod(dimensions) > _MAX_ELEMENTS:
                raise self._source_map.error(
                    node, "the array is too large", f"at most {_MAX_ELEMENTS:,} elements", "too_large"
                )
            return Type(base.kind, base.size, dimensions)
        kind = _KINDS.get(type(node))
        if kind is None:
            raise self._source_map.error(node, f"{_words(node)} is not supported", "numbers, bits or durations")
        size: Node = getattr(node, "size", None)
        return Type(kind, None if size is None else self.length(size, scope))

    def length(self, node: Node, scope: Scope) -> int:
        """Return the size in a declaration."""
        try:
            size = integer(self.value(node, scope), "the size")
        except UnlocatedError as error:
            raise self._source_map.at(node, error) from error
        if size < 1:
            raise self._source_map.error(node, f"a size of {size}", "a size of at least 1", "index")
        if size > _MAX_ELEMENTS:
            raise self._source_map.error(node, f"a size of {size:,}", f"at most {_MAX_ELEMENTS:,}", "too_large")
        return size

    def positions(self, index: Node, scope: Scope, size: int, name: str) -> tuple[list[int], bool]:
        """Return the indices of the elements that an index expression names, and whether it names a single one."""
        if isinstance(index, ast.DiscreteSet):
            return [self._position(element, scope, size, name) for element in index.values], False
        if isinstance(index, ast.RangeDefinition):
            start = 0 if index.start is None else self._position(index.start, scope, size, name)
            end = size - 1 if index.end is None else self._position(index.end, scope, size, name)
            step = 1 if index.step is None else integer(self.value(index.step, scope), "the step")
            if step == 0:
                raise UnlocatedError("a step of 0", "another step", "index")
            found = list(range(start, end + (1 if step > 0 else -1), step))
            self._costs.spend(len(found) // _SMALL_COST, index)
            if not found:
                raise UnlocatedError(f"the range of {name!r} is empty", "at least one element", "index")
            return found, False
        return [self._position(index, scope, size, name)], True

    def _position(self, node: Node, scope: Scope, size: int, name: str) -> int:
        position = integer(self.value(node, scope), "the index")
        if not -size <= position < size:
            raise self._source_map.error(
                node, f"index {position} is outside {name!r} of size {size}", f"an index below {size}", "index"
            )
        return position % size

    def _indexed(self, found: Any, index: Node, scope: Scope, name: str) -> Any:  # as `reference`
        return self._inside(found, [index] if isinstance(index, ast.DiscreteSet) else index, scope, name)

    def _inside(self, found: Any, parts: Sequence[Node], scope: Scope, name: str) -> Any:  # as `reference`
        """Return what indices name, one for each dimension."""
        if not parts:
            return found
        if not isinstance(found, list):
            return self._inside(self._element(found, parts[0], scope, name), parts[1:], scope, name)
        chosen, single = self.positions(parts[0], scope, len(found), name)
        inner = [self._inside(found[at], parts[1:], scope, name) for at in chosen]
        return inner[0] if single else inner

    def _element(self, found: Any, part: Node, scope: Scope, name: str) -> Any:  # as `reference`
        match found:
            case Qubits() if not found.scalar:
                chosen, single = self.positions(part, scope, len(found.indices), name)
                return Qubits(tuple(found.indices[at] for at in chosen), single)
            case Bits() if not found.type.scalar:
                chosen, single = self.positions(part, scope, len(found.indices), name)
                return Bits(tuple(found.indices[at] for at in chosen), Type("bit", None if single else len(chosen)))
            case Word() if not found.scalar:
                chosen, single = self.positions(part, scope, len(found.bits), name)
                return Word(tuple(found.bits[at] for at in chosen), single)
            case int() if not isinstance(found, bool):
                chosen, single = self.positions(part, scope, max(64, found.bit_length()), name)
                return Word(tuple(bool(found >> at & 1) for at in chosen), single)
        raise UnlocatedError(f"{name!r} has no elements", "a register or an array", "arguments")

    def _read(self, node: Node, found: Any) -> Value:  # as `reference`
        if not isinstance(found, Bits):
            if isinstance(found, Word | list):
                self._costs.spend(len(found.bits if isinstance(found, Word) else found) // _SMALL_COST, node)
            return self._newest(cast("Value", found))
        self._costs.spend(_READ_COST * len(found.indices), node)
        return self.read_bits(found)

    def read_bits(self, bits: Bits) -> Value:
        """Return the value in stored bits; a number instead of a word if it is known."""
        kind = bits.type.kind if bits.type.kind in _WHOLE else ""
        return _plain(Word(tuple(map(self._memory.read, bits.indices)), bits.type.scalar, kind))

    def _newest(self, value: Value | Bits) -> Value:
        """Return a value with what is known now about the bits that it has."""
        if isinstance(value, list):
            return [self._newest(element) for element in value]
        if isinstance(value, Bits):
            return self.read_bits(value)
        if not isinstance(value, Word) or value.known:
            return value
        return _plain(replace(value, bits=tuple(map(self._memory.newest, value.bits))))

    def _size(self, node: Node, scope: Scope) -> Value:
        found: Any = self.operand(node.target, scope)
        axis = 0 if node.index is None else integer(self.value(node.index, scope), "the dimension")
        while axis > 0 and isinstance(found, list) and found:
            found, axis = found[0], axis - 1
        if axis == 0 and isinstance(found, list):
            return len(found)
        if axis == 0 and isinstance(found, Qubits | Bits):
            return len(found.indices)
        raise UnlocatedError("this has no such dimension", "an array or a register", "arguments")


def _is_measured(value: Value) -> bool:
    return isinstance(value, Word) and not value.known


def _plain(word: Word) -> Value:
    """Return a number instead of a word if it is known."""
    if not word.known or word.kind not in _WHOLE:
        return word
    return number(word) if word.kind == "angle" else integer(word)


def _applied(name: str, *arguments: Value) -> Value:
    """The value of a built-in function."""
    try:
        return FUNCTIONS[name](*arguments)
    except TypeError as failure:
        raise UnlocatedError(f"{name!r} does not take these arguments", "other arguments", "arguments") from failure
    except (OverflowError, ValueError) as failure:
        raise UnlocatedError(f"{name!r} has no finite value here", "another argument", "parameter") from failure


def _joined(left: Any, right: Any) -> Any:  # as `reference`
    match left, right:
        case Qubits(), Qubits():
            return Qubits(_together(left.indices, right.indices))
        case Bits(), Bits():
            indices = _together(left.indices, right.indices)
            return Bits(indices, Type("bit", len(indices)))
        case Word(), Word():
            return Word(_together(left.bits, right.bits))
        case list(), list():
            return [*_together(tuple(left), tuple(right))]
    raise UnlocatedError("these cannot be joined", "registers of one kind", "arguments")


def _together(left: tuple[_Element, ...], right: tuple[_Element, ...]) -> tuple[_Element, ...]:
    if len(left) + len(right) > _MAX_ELEMENTS:
        raise UnlocatedError("the joined register is too large", f"at most {_MAX_ELEMENTS:,} elements", "too_large")
    return left + right


def _words(node: Node) -> str:
    """Return a readable name of a construct."""
    name = getattr(node, "name", None)
    if isinstance(name, str):
        return repr(name)
    return _NAMES.get(type(node), "this")


_NAMES = {ast.ArrayReferenceType: "an array parameter"}
