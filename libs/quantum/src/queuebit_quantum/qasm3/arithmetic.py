"""Operators and functions of OpenQASM 3 on values.

Integer division rounds toward zero, as in C (specification, "Classical instructions", Integers).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.logic import Bit
from queuebit_quantum.qasm3.symbols import Symbol, deferred
from queuebit_quantum.qasm3.values import Duration, Value, Word, bits_of, checked, integer, number, truth, word

__all__ = ["CONSTANTS", "FUNCTIONS", "binary", "is_signed", "unary", "width_of"]

CONSTANTS = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
_BITWISE: dict[str, tuple[Callable[[Bit, Bit], Bit], Callable[[int, int], int]]] = {
    "&": (logic.both, lambda a, b: a & b),
    "|": (logic.either, lambda a, b: a | b),
    "^": (logic.differ, lambda a, b: a ^ b),
}
_MAX_SHIFT = 4_096


def unary(operator: str, value: Value) -> Value:
    """Apply `-`, `!` or `~`."""
    if isinstance(value, Symbol):
        return value.then(partial(unary, operator))
    match operator, value:
        case "!", _:
            return word(logic.negate(truth(value)))
        case "~", Word():
            return Word(tuple(logic.negate(bit) for bit in value.bits), value.scalar, value.kind)
        case "~", bool():
            return not value
        case "~", int():
            return ~value
        case "-", Duration():
            return Duration(-value.value, value.unit, value.open)
        case "-", Word():
            return -integer(value, "the operand of '-'")
        case "-", int() | float() | complex():
            return -value
    raise UnlocatedError(f"{operator!r} cannot be used here", "a number or bits")


def binary(operator: str, left: Value, right: Value) -> Value:
    """Apply an operator of two operands."""
    if (later := deferred(partial(binary, operator), left, right)) is not None:
        return later
    if operator in ("&&", "||"):
        combine = logic.both if operator == "&&" else logic.either
        return word(combine(truth(left), truth(right)))
    timed = isinstance(left, Duration) or isinstance(right, Duration)
    if not timed and (isinstance(left, Word) or isinstance(right, Word)):
        return _on_words(operator, left, right)
    if not timed and not (isinstance(left, int | float | complex) and isinstance(right, int | float | complex)):
        raise UnlocatedError(f"{operator!r} cannot be used here", "numbers or bits")
    try:
        return _timed(operator, left, right) if timed else _on_numbers(operator, left, right)
    except ZeroDivisionError as failure:
        raise UnlocatedError("division by zero", "a divisor other than zero", "parameter") from failure
    except (OverflowError, ValueError) as failure:
        raise UnlocatedError("the result is not a finite number", "a finite number", "parameter") from failure
    except TypeError as failure:
        raise UnlocatedError(f"{operator!r} cannot be used with these numbers", "whole or real numbers") from failure


def _on_numbers(operator: str, left: Any, right: Any) -> Value:  # any kind of number
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](left, right)
    if operator in _BITWISE:
        both = _BITWISE[operator][1](left, right)
        return bool(both) if isinstance(left, bool) and isinstance(right, bool) else both
    result: Any
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/":
            result = _quotient(left, right) if isinstance(left, int) and isinstance(right, int) else left / right
        case "%":
            whole = isinstance(left, int) and isinstance(right, int)
            result = left - right * _quotient(left, right) if whole else math.fmod(left, right)
        case "**":
            result = _power(left, right)
        case "<<" | ">>":
            if not 0 <= right <= _MAX_SHIFT:
                raise UnlocatedError(f"a shift by {right}", f"from 0 to {_MAX_SHIFT:,} positions", "too_large")
            result = left << right if operator == "<<" else left >> right
        case _:
            raise UnlocatedError(f"the operator {operator!r} is not supported")
    return checked(result) if isinstance(result, int) else result


def _quotient(left: int, right: int) -> int:
    result = abs(left) // abs(right)
    return result if (left < 0) == (right < 0) else -result


def _power(left: Any, right: Any) -> Any:  # any kind of number
    if isinstance(left, int) and isinstance(right, int) and right >= 0:
        if left.bit_length() * right > _MAX_SHIFT:
            raise UnlocatedError("the power is too large", f"at most {_MAX_SHIFT:,} bits", "too_large")
        return int(left**right)
    return left**right


def _on_words(operator: str, left: Value, right: Value) -> Value:
    if operator in ("<<", ">>") and isinstance(left, Word):
        return _shifted(left, integer(right, "the shift distance") * (1 if operator == "<<" else -1))
    if (operator in _COMPARISONS or operator in _BITWISE) and _have_bits(left, right):
        signed = any(is_signed(value) for value in (left, right))
        width = max(width_of(left, signed=signed), width_of(right, signed=signed))
        one, other = bits_of(left, width), bits_of(right, width)
        if operator in _BITWISE:
            scalar = width == 1 and all(not isinstance(value, Word) or value.scalar for value in (left, right))
            kind = left.kind if isinstance(left, Word) and isinstance(right, Word) and left.kind == right.kind else ""
            return Word(tuple(map(_BITWISE[operator][0], one, other)), scalar, "int" if signed else kind)
        if signed:  # with the sign bit inverted, the order is that of unsigned numbers
            one, other = (*one[:-1], logic.negate(one[-1])), (*other[:-1], logic.negate(other[-1]))
        return word(_compared(operator, one, other))
    return binary(operator, *(_plain(operator, value) for value in (left, right)))


def _have_bits(left: Value, right: Value) -> bool:
    """Whether two operands can be compared bit by bit: whole numbers, bits, or angles of one size."""
    angles = [it for it in (left, right) if isinstance(it, Word) and it.kind == "angle"]
    if any(isinstance(it, float) for it in (left, right)):
        return False
    return not angles or len({width_of(it) for it in angles}) == 1


def _plain(operator: str, value: Value) -> Value:
    """Return an operand that must be known."""
    if not isinstance(value, Word):
        return value
    what = f"an operand of {operator!r}"
    return number(value, what) if value.kind == "angle" else integer(value, what)


def is_signed(value: Value) -> bool:
    """Whether an operand may be below 0."""
    return value.kind == "int" if isinstance(value, Word) else isinstance(value, int) and value < 0


def width_of(value: Value, *, signed: bool = False) -> int:
    """Return how many bits a whole number needs, with its sign bit if it is `signed`."""
    if isinstance(value, Word):
        return len(value.bits) + (signed and value.kind != "int")
    if isinstance(value, int):
        return max(1, value.bit_length() + signed)
    raise UnlocatedError("bits are compared and combined with bits or whole numbers", "bits or an integer")


def _compared(operator: str, left: tuple[Bit, ...], right: tuple[Bit, ...]) -> Bit:
    match operator:
        case "==":
            return logic.equal(left, right)
        case "!=":
            return logic.negate(logic.equal(left, right))
        case "<":
            return logic.less(left, right)
        case ">":
            return logic.less(right, left)
        case "<=":
            return logic.negate(logic.less(right, left))
        case _:
            return logic.negate(logic.less(left, right))


def _shifted(value: Word, places: int) -> Word:
    width = len(value.bits)
    if places >= 0:
        return Word(((False,) * min(places, width) + value.bits)[:width], value.scalar, value.kind)
    left = value.bits[-places:] or (value.bits[-1:] if value.kind == "int" else (False,))
    return Word(bits_of(Word(left, kind=value.kind), width), value.scalar, value.kind)


def _timed(operator: str, left: Value, right: Value) -> Value:
    if any(isinstance(it, Duration) and it.open for it in (left, right)):
        return _open_duration(operator, left, right)
    match operator, left, right:
        case "*", Duration(), int() | float():
            return Duration(left.value * right, left.unit)
        case "*", int() | float(), Duration():
            return Duration(right.value * left, right.unit)
        case "/", Duration(), int() | float() if right:
            return Duration(left.value / right, left.unit)
        case "/", Duration(), Duration() if left.unit == right.unit and right.value:
            return left.value / right.value
        case "+" | "-", Duration(), Duration() if left.unit == right.unit:
            return Duration(left.value + (right.value if operator == "+" else -right.value), left.unit)
        case _, Duration(), Duration() if operator in _COMPARISONS and left.unit == right.unit:
            return _COMPARISONS[operator](left.value, right.value)
    raise UnlocatedError(
        f"{operator!r} cannot be used with these durations", "durations of one unit, or a duration and a number"
    )


def _open_duration(operator: str, left: Value, right: Value) -> Value:
    """Return a duration that is computed from one that only the compiler of a device knows."""
    match operator, left, right:
        case "+" | "-", Duration(), Duration():
            return Duration(0.0, "s", open=True)
        case "*", Duration(), int() | float():
            return left
        case "*", int() | float(), Duration():
            return right
        case "/", Duration(), int() | float() if right:
            return left
    raise UnlocatedError(
        f"{operator!r} needs durations that only the compiler of a device knows", "durations such as 100ns"
    )


def _real(function: Callable[[float], float]) -> Callable[..., Value]:
    def applied(value: Value) -> Value:
        try:
            return function(number(value, "the argument"))
        except (ValueError, OverflowError) as failure:
            raise UnlocatedError(
                "the argument is outside the function's range", "another number", "parameter"
            ) from failure

    return applied


def _sqrt(value: Value) -> Value:
    return cmath.sqrt(value) if isinstance(value, complex) else _real(math.sqrt)(value)


def _exp(value: Value) -> Value:
    return cmath.exp(value) if isinstance(value, complex) else _real(math.exp)(value)


def _popcount(value: Value) -> Value:
    return integer(value, "the argument").bit_count()


def _rotated(value: Value, places: Value) -> Value:
    if not isinstance(value, Word):
        raise UnlocatedError("only bit registers can be rotated", "a bit register", "arguments")
    by = integer(places, "the shift distance") % len(value.bits)
    return Word(value.bits[len(value.bits) - by :] + value.bits[: len(value.bits) - by], kind=value.kind)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "arccos": _real(math.acos),
    "arcsin": _real(math.asin),
    "arctan": _real(math.atan),
    "ceiling": _real(lambda value: float(math.ceil(value))),
    "cos": _real(math.cos),
    "exp": _exp,
    "floor": _real(lambda value: float(math.floor(value))),
    "imag": lambda value: value.imag if isinstance(value, complex) else 0.0,
    "log": _real(math.log),
    "mod": lambda left, right: binary("%", left, right),
    "popcount": _popcount,
    "real": lambda value: value.real if isinstance(value, complex) else number(value),
    "rotl": _rotated,
    "rotr": lambda value, places: _rotated(value, -integer(places, "the shift distance")),
    "sin": _real(math.sin),
    "sqrt": _sqrt,
    "tan": _real(math.tan),
}
"""The built-in functions, by name."""
