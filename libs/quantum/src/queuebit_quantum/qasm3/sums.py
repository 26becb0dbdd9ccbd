"""Sums, differences and products of whole numbers and angles that depend on measurements, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.arithmetic import is_signed, width_of
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.logic import Bit
from queuebit_quantum.qasm3.values import Type, Value, Word, bits_of, converted, stored_bits

__all__ = ["OPERATORS", "combined"]

OPERATORS = frozenset({"+", "-", "*"})
"""Operators that are computed on measured bits; others need known numbers."""
_Keep: TypeAlias = Callable[[Bit], Bit]
"""Stores a bit, so that an expression that uses it twice does not grow."""
_MOST_BITS = 128
"""The widest operand."""


def combined(operator: str, left: Value, right: Value, keep: _Keep) -> Word | None:
    """Return the result of an operator on measured bits; None if the operands are not whole numbers or angles.

    A sum of whole numbers is exact: it has as many bits as it needs, and an assignment reduces it to its variable. An
    angle is taken modulo one turn (specification, "Types and casting", Angles).
    """
    if any(isinstance(value, Word) and value.kind == "angle" for value in (left, right)):
        return None if operator == "*" else _angles(operator, left, right, keep)
    if not all(isinstance(value, Word | int) for value in (left, right)):
        return None
    signed = operator == "-" or is_signed(left) or is_signed(right)
    widths = [width_of(value, signed=signed) for value in (left, right)]
    if max(widths) > _MOST_BITS:
        raise UnlocatedError(
            f"{operator!r} on {max(widths):,} measured bits", f"at most {_MOST_BITS} measured bits", "too_large"
        )
    kind = "int" if signed else "uint"
    if operator == "*":
        return Word(_product(left, right, sum(widths), keep), kind=kind)
    width = max(widths) + 1
    return Word(_sum(operator, bits_of(left, width), bits_of(right, width), keep), kind=kind)


def _angles(operator: str, left: Value, right: Value, keep: _Keep) -> Word | None:
    width = max(len(value.bits) for value in (left, right) if isinstance(value, Word))
    size = Type("angle", width)
    if not all(isinstance(value, int | float) or getattr(value, "kind", "") == "angle" for value in (left, right)):
        return None
    one, other = (stored_bits(converted(value, size), size) for value in (left, right))
    return Word(_sum(operator, one, other, keep), kind="angle")


def _sum(operator: str, left: tuple[Bit, ...], right: tuple[Bit, ...], keep: _Keep) -> tuple[Bit, ...]:
    """Add two words of one width, or subtract by adding the complement."""
    carry: Bit = operator == "-"
    result = []
    for one, other in zip(left, right, strict=True):
        a, b = keep(one), keep(logic.negate(other) if operator == "-" else other)
        unequal = keep(logic.differ(a, b))
        result.append(logic.differ(unequal, carry))
        carry = keep(logic.either(logic.both(a, b), logic.both(unequal, carry)))
    return tuple(result)


def _product(left: Value, right: Value, width: int, keep: _Keep) -> tuple[Bit, ...]:
    one, other = (tuple(map(keep, bits_of(value, width))) for value in (left, right))
    total: tuple[Bit, ...] = (False,) * width
    for place, bit in enumerate(other):
        if bit is not False:
            shifted = ((False,) * place + tuple(logic.both(bit, it) for it in one))[:width]
            total = _sum("+", total, shifted, keep)
    return total
