"""Real numbers that stay open while a program is expanded, so that one expansion serves every value of its inputs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

from queuebit_quantum.qasm3.faults import UnlocatedError

if TYPE_CHECKING:
    from qiskit.circuit import Parameter

__all__ = ["Symbol", "Tape", "deferred", "qiskit_value", "require_known"]

_MOST_STEPS = 20_000
"""The longest tape; above this, to replay it takes about as long as to expand the program."""


class Tape:
    """The arithmetic on open numbers, in the order in which the expansion does it.

    To replay it with values does the same operations on the same numbers as an expansion with these values, so the
    results are equal to the last bit, and it fails where that expansion fails.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._parameters: dict[str, int] = {}
        self._given = Symbol(self, 0)

    def open(self, name: str) -> Symbol:
        """The value of an input."""
        return self.record(itemgetter(name), self._given)

    def record(self, function: Callable[..., Any], *operands: Any) -> Symbol:
        """The result of a function of open numbers and others."""
        if len(self._steps) >= _MOST_STEPS:
            raise UnlocatedError("too much arithmetic with open numbers")
        self._steps.append((function, operands))
        return Symbol(self, len(self._steps))

    def replay(self, given: Mapping[str, Any]) -> list[Any]:
        """The values of all symbols, by place."""
        values: list[Any] = [given]
        for function, operands in self._steps:
            values.append(function(*(values[it.place] if isinstance(it, Symbol) else it for it in operands)))
        return values

    def parameter(self, symbol: Symbol) -> Parameter:
        """What stands for an open number in a Qiskit circuit."""
        from qiskit.circuit import Parameter

        found = Parameter(f"open{len(self._parameters)}")
        self._parameters[found.name] = symbol.place
        return found

    def place(self, parameter: Parameter) -> int:
        """The place of the number that a parameter stands for."""
        return self._parameters[parameter.name]


class Symbol:
    """An open real number.

    It is not a number of Python. Arithmetic gives another symbol; all that would have to know the value raises
    `UnlocatedError`, also in code that knows nothing of symbols. So the structure of a circuit with symbols does not
    depend on their values.
    """

    __slots__ = ("place", "tape")

    def __init__(self, tape: Tape, place: int) -> None:
        self.tape = tape
        self.place = place

    def then(self, function: Callable[[Any], Any]) -> Symbol:
        """The result of a function of this number."""
        return self.tape.record(function, self)

    def __add__(self, other: Any) -> Symbol:
        return self.tape.record(operator.add, self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self.tape.record(operator.add, other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self.tape.record(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.tape.record(operator.sub, other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.tape.record(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.tape.record(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self.tape.record(operator.truediv, self, other)

    def __mod__(self, other: Any) -> Symbol:
        return self.tape.record(operator.mod, self, other)

    def __neg__(self) -> Symbol:
        return self.tape.record(operator.neg, self)

    def __deepcopy__(self, memo: object) -> Symbol:
        return self

    def _refuse(self, *_: object) -> NoReturn:
        raise UnlocatedError("the structure of the program depends on an open number")

    __abs__ = __bool__ = __float__ = __int__ = __index__ = __round__ = __trunc__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse


def deferred(function: Callable[..., Any], *operands: Any) -> Symbol | None:
    """The result of a function if an operand is open; otherwise None."""
    for it in operands:
        if isinstance(it, Symbol):
            return it.tape.record(function, *operands)
    return None


def qiskit_value(number: Any) -> Any:  # a number, or a matrix
    """What a gate of Qiskit takes as a parameter."""
    return number.tape.parameter(number) if isinstance(number, Symbol) else number


def require_known(numbers: tuple[Any, ...]) -> None:
    """Raise `UnlocatedError` if one of the numbers is open."""
    for it in numbers:
        if isinstance(it, Symbol):
            it._refuse()
