"""Expressions of OpenQASM 3: numbers, bits, and which elements an index names."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from openqasm3 import ast

__all__ = ["Bits", "Node", "cast", "evaluate", "number", "pick", "positions"]

Node = Any
"""A node of the openqasm3 tree, which ships no usable types."""


class Bits(list[int]):
    """A register of classical bits, bit 0 first; in arithmetic it is the unsigned number they write."""


def _divide(left: Any, right: Any) -> Any:
    return int(left / right) if isinstance(left, int) and isinstance(right, int) else left / right


_CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "arccos": math.acos,
    "arcsin": math.asin,
    "arctan": math.atan,
    "ceiling": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "mod": operator.mod,
    "popcount": int.bit_count,
    "pow": operator.pow,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda left, right: int(math.fmod(left, right)),
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&&": lambda left, right: bool(left) and bool(right),
    "||": lambda left, right: bool(left) or bool(right),
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}


def evaluate(node: Node, lookup: Callable[[str], Any], call: Callable[[Node], Any]) -> Any:
    """Return the value of an expression.

    `lookup` finds names, and raises KeyError for unknown ones; `call` runs subroutines.
    """

    def inner(part: Node) -> Any:
        return evaluate(part, lookup, call)

    match node:
        case ast.IntegerLiteral() | ast.FloatLiteral() | ast.BooleanLiteral():
            return node.value
        case ast.DurationLiteral() | ast.DurationOf():
            return 0.0  # time changes nothing here
        case ast.BitstringLiteral():
            return Bits(node.value >> place & 1 for place in range(node.width))
        case ast.Identifier():
            return _CONSTANTS[node.name] if node.name in _CONSTANTS else lookup(node.name)
        case ast.UnaryExpression():
            return _unary(node.op.name, inner(node.expression))
        case ast.BinaryExpression():
            return _BINARY[node.op.name](number(inner(node.lhs)), number(inner(node.rhs)))
        case ast.Concatenation():
            left, right = inner(node.lhs), inner(node.rhs)
            return type(left)([*left, *right])
        case ast.IndexExpression():
            return pick(inner(node.collection), node.index, inner)
        case ast.ArrayLiteral():
            return [inner(part) for part in node.values]
        case ast.SizeOf():
            found, axis = inner(node.target), inner(node.index) if node.index else 0
            for _ in range(axis):
                found = found[0]
            return len(found)
        case ast.Cast():
            return cast(inner(node.argument), node.type, inner)
        case ast.FunctionCall() if node.name.name in _FUNCTIONS:
            return _FUNCTIONS[node.name.name](*(number(inner(part)) for part in node.arguments))
        case ast.FunctionCall():
            return call(node)
    raise ValueError(f"{type(node).__name__} has no value here")


def number(value: Any) -> Any:
    """Read a register as an unsigned number; leave everything else."""
    return sum(bit << place for place, bit in enumerate(value)) if isinstance(value, Bits) else value


def pick(collection: Any, index: Node, inner: Callable[[Node], Any]) -> Any:
    """Return the element, or the list of elements, that an index names."""
    if isinstance(index, list) and len(index) > 1:
        chosen = positions(len(collection), index[:1], inner)
        if isinstance(chosen, int):
            return pick(collection[chosen], index[1:], inner)
        return [pick(collection[place], index[1:], inner) for place in chosen]
    whole = isinstance(collection, int)
    chosen = positions(64 if whole else len(collection), index, inner)
    if whole and isinstance(chosen, int):
        return collection >> chosen & 1
    if isinstance(chosen, int):
        return collection[chosen]
    return type(collection)(collection[place] for place in chosen)


def positions(size: int, index: Node, inner: Callable[[Node], Any]) -> int | list[int]:
    """Return the positions that an index names in a collection; negative ones count from its end."""
    parts = index.values if isinstance(index, ast.DiscreteSet) else index
    if not isinstance(index, ast.DiscreteSet):
        (part,) = parts
        if not isinstance(part, ast.RangeDefinition):
            place: int = range(size)[number(inner(part))]
            return place
        step = inner(part.step) if part.step else 1
        start = inner(part.start) if part.start else (0 if step > 0 else size - 1)
        end = inner(part.end) if part.end else (size - 1 if step > 0 else 0)
        first, last = (place + size if place < 0 else place for place in (start, end))
        return [range(size)[place] for place in range(first, last + (1 if step > 0 else -1), step)]
    return [range(size)[number(inner(part))] for part in parts]


def cast(value: Any, kind: Node, inner: Callable[[Node], Any]) -> Any:
    """Turn a value into a declared type; an array is copied."""
    if isinstance(kind, ast.ArrayType):
        return _array(value, [inner(size) for size in kind.dimensions], kind.base_type, inner)
    size = inner(kind.size) if getattr(kind, "size", None) else None
    plain = number(value)
    match kind:
        case ast.BitType() if size is not None:
            return Bits(int(plain) >> place & 1 for place in range(size))
        case ast.BitType():
            return int(plain) & 1
        case ast.BoolType():
            return bool(plain)
        case ast.UintType():
            return int(plain) % (1 << (size or 64))
        case ast.IntType():
            return int(plain)
        case ast.AngleType():
            return float(plain) % math.tau
        case ast.DurationType() | ast.StretchType():
            return plain
        case ast.FloatType():
            return float(plain)
    raise ValueError(f"{type(kind).__name__} is not a type here")


def _array(value: Any, sizes: list[int], kind: Node, inner: Callable[[Node], Any]) -> Any:
    if not sizes:
        return cast(value, kind, inner)
    values = value if isinstance(value, list) and not isinstance(value, Bits) else [value] * sizes[0]
    if len(values) != sizes[0]:
        raise ValueError("the array has another shape")
    return [_array(element, sizes[1:], kind, inner) for element in values]


def _unary(name: str, value: Any) -> Any:
    if name == "~":
        return Bits(1 - bit for bit in value) if isinstance(value, Bits) else 1 - value
    return not number(value) if name == "!" else -number(value)
