"""Scopes of an OpenQASM 3 program, and the symbols in them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TypeAlias

from queuebit_quantum.qasm3.arithmetic import CONSTANTS
from queuebit_quantum.qasm3.faults import Node, UnlocatedError
from queuebit_quantum.qasm3.values import Qubits, Type, Value

__all__ = ["Bits", "Scope", "Subroutine", "Symbol", "Variable"]


@dataclass(slots=True)
class Variable:
    """A classical value that is known before the run, or computed from measured bits."""

    type: Type
    value: Value
    constant: bool = False
    depth: int = 0
    """The number of conditions around the declaration. An assignment at a greater depth is conditional."""


@dataclass(frozen=True, slots=True)
class Bits:
    """Stored classical bits, by index in the circuit, lowest first."""

    indices: tuple[int, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Subroutine:
    """A `def`, or an `extern` without a body."""

    node: Node


Symbol: TypeAlias = "Variable | Bits | Qubits | Subroutine"


@dataclass(slots=True)
class Scope:
    """The names of one block; a name here hides the same name in outer blocks."""

    outer: Scope | None = None
    callable: bool = False
    """Whether this is the body of a gate or subroutine, which sees only outer constants and subroutines."""
    names: dict[str, Symbol] = field(default_factory=dict)

    def declare(self, name: str, symbol: Symbol) -> None:
        if name in self.names:
            raise UnlocatedError(f"{name!r} is already defined", "a name that is not taken", "redefined")
        self.names[name] = symbol

    def find(self, name: str) -> Symbol:
        scope: Scope | None = self
        inside = True
        while scope is not None:
            symbol = scope.names.get(name)
            if symbol is not None:
                if inside or isinstance(symbol, Subroutine) or (isinstance(symbol, Variable) and symbol.constant):
                    return symbol
                raise UnlocatedError(
                    f"{name!r} is not visible inside a gate or subroutine", "a parameter instead", "undefined"
                )
            inside = inside and not scope.callable
            scope = scope.outer
        if name in CONSTANTS:
            return Variable(Type("float"), CONSTANTS[name], constant=True)
        raise UnlocatedError(f"{name!r} is not defined", "a name defined before its use", "undefined")

    def visible(self, name: str) -> Symbol | None:
        """As `find`, but returns None for a name that is not visible."""
        try:
            return self.find(name)
        except UnlocatedError:
            return None

    def owner(self, name: str) -> Scope:
        """Return the scope that declares a name that `find` found."""
        scope = self
        while name not in scope.names and scope.outer is not None:
            scope = scope.outer
        return scope

    def saved(self) -> Callable[[], None]:
        """Return a function that restores the current values of all visible names."""
        kept: list[tuple[Scope, dict[str, Symbol], list[tuple[Variable, Value]]]] = []
        scope: Scope | None = self
        while scope is not None:
            variables = [symbol for symbol in scope.names.values() if isinstance(symbol, Variable)]
            kept.append((scope, dict(scope.names), [(variable, deepcopy(variable.value)) for variable in variables]))
            scope = scope.outer

        def restore() -> None:
            for owner, names, values in kept:
                owner.names = dict(names)
                for variable, value in values:
                    variable.value = deepcopy(value)

        return restore
