"""Assigns to arrays. An element is a known value until it depends on a measurement; from then on it has bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from openqasm3 import ast

from queuebit_quantum.qasm3.assembly import Assembly
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, UnlocatedError
from queuebit_quantum.qasm3.names import Bits, Scope, Variable
from queuebit_quantum.qasm3.values import Type, Value, Word, converted, stored_bits

__all__ = ["Arrays"]


class _Storage(Protocol):
    """What arrays need of `Storage`."""

    assembly: Assembly
    expressions: Expressions

    def store(self, target: Bits, value: Value, node: Node) -> None: ...

    def bits_with(self, value: Value, kind: Type, depth: int, *, keep: bool = True) -> Bits: ...


class Arrays:
    """The assignments to arrays of one program."""

    def __init__(self, storage: _Storage) -> None:
        self._storage = storage

    def set(self, target: Node, symbol: Variable, value: Value, scope: Scope) -> None:
        """Assign to a whole array, a slice, an element, or bits of an element."""
        parts = _parts(target)
        if parts:
            self._set(symbol.value, parts, symbol.type, symbol, value, target, scope)
            return
        for place, element in enumerate(_elements(value, symbol.type.dimensions[0])):
            self._put(symbol.value, place, _inner(symbol.type), symbol, element, target)

    def in_bits(self, target: Node, symbol: Variable, scope: Scope) -> None:
        """Give the element that an index names bits of its own; does nothing for a slice."""
        holder: Any = symbol.value
        parts, kind = _parts(target), symbol.type
        for part in parts[: len(symbol.type.dimensions)]:
            chosen, single = self._storage.expressions.positions(part, scope, len(holder), target.name.name)
            kind = _inner(kind)
            if not single:
                return
            if not kind.dimensions and not isinstance(holder[chosen[0]], Bits):
                holder[chosen[0]] = self._storage.bits_with(holder[chosen[0]], kind, symbol.depth)
            holder = holder[chosen[0]]

    def _set(
        self,
        holder: Any,  # a list of values or of lists
        parts: Sequence[Node],
        kind: Type,
        symbol: Variable,
        value: Value,
        target: Node,
        scope: Scope,
    ) -> None:
        name = target.name.name
        chosen, single = self._storage.expressions.positions(parts[0], scope, len(holder), name)
        values = [value] if single else _elements(value, len(chosen))
        inner = _inner(kind)
        for place, element in zip(chosen, values, strict=True):
            if len(parts) == 1:
                self._put(holder, place, inner, symbol, element, target)
            elif inner.dimensions:
                self._set(holder[place], parts[1:], inner, symbol, element, target, scope)
            else:
                self._set_bits(holder, place, parts[1:], inner, symbol, element, target, scope)

    def _set_bits(
        self,
        holder: Any,  # a list of values
        place: int,
        parts: Sequence[Node],
        kind: Type,
        symbol: Variable,
        value: Value,
        target: Node,
        scope: Scope,
    ) -> None:
        """Assign to bits of one element."""
        name = target.name.name
        if len(parts) > 1:
            raise UnlocatedError(f"{name!r} has fewer dimensions", "as many indices as dimensions", "arguments")
        old = holder[place]
        width = kind.size or kind.width
        chosen, single = self._storage.expressions.positions(parts[0], scope, width, name)
        if not isinstance(old, Bits):
            bits = list(stored_bits(old, kind))
            given = converted(value, Type("bit", None if single else len(chosen)))
            if isinstance(given, Word) and given.known and symbol.depth == self._storage.assembly.depth:
                for at, bit in zip(chosen, given.bits, strict=True):
                    bits[at] = bit
                holder[place] = converted(Word(tuple(bits), kind.scalar, _meaning(kind)), kind)
                return
            old = holder[place] = self._storage.bits_with(old, kind, symbol.depth)
        some = Bits(tuple(old.indices[at] for at in chosen), Type("bit", None if single else len(chosen)))
        self._storage.store(some, value, target)

    def _put(self, holder: Any, place: int, kind: Type, symbol: Variable, value: Value, node: Node) -> None:
        """Assign to one element of a list, which may be a list itself."""
        if kind.dimensions:
            for inner, element in enumerate(_elements(value, kind.dimensions[0])):
                self._put(holder[place], inner, _inner(kind), symbol, element, node)
            return
        if not isinstance(holder[place], Bits):
            new = converted(value, kind)
            unconditional = symbol.depth == self._storage.assembly.depth
            if unconditional and (not isinstance(new, Word) or new.known):
                holder[place] = new
                return
            holder[place] = self._storage.bits_with(holder[place], kind, symbol.depth, keep=not unconditional)
        self._storage.store(holder[place], value, node)


def _parts(target: Node) -> list[Node]:
    """Return the indices of a target, one for each dimension."""
    indices = target.indices if isinstance(target, ast.IndexedIdentifier) else []
    return [part for index in indices for part in (index if isinstance(index, list) else [index])]


def _elements(value: Value, size: int) -> list[Value]:
    if not isinstance(value, list) or len(value) != size:
        raise UnlocatedError("the array has another shape", f"{size} elements", "arguments")
    return value


def _inner(kind: Type) -> Type:
    return Type(kind.kind, kind.size, kind.dimensions[1:])


def _meaning(kind: Type) -> str:
    return kind.kind if kind.kind in ("int", "uint", "angle") else ""
