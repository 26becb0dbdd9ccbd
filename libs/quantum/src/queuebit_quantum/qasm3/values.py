"""The values and types of OpenQASM 3 expressions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from queuebit_quantum.qasm3.faults import Undecided, UnlocatedError
from queuebit_quantum.qasm3.logic import Bit, some, sources
from queuebit_quantum.qasm3.symbols import Symbol

__all__ = [
    "OPEN_KINDS",
    "Duration",
    "Qubits",
    "Type",
    "Value",
    "Word",
    "angle",
    "bits_of",
    "converted",
    "initial",
    "integer",
    "number",
    "stored_bits",
    "truth",
    "word",
]

_MAX_BITS = 4_096
"""The longest integer, to limit the time of arithmetic."""
_UNSIZED_BITS = 32
"""Stored width of an integer without a size."""

_EXACT_BITS = 52
"""Largest size of an angle that a floating-point number represents exactly."""

OPEN_KINDS = frozenset({"angle", "float"})
"""Types whose values can stay open while the program is expanded."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A duration in one of Qiskit's units."""

    value: float
    unit: str
    open: bool = False
    """Whether only the compiler of a device knows it: `stretch`, `durationof`, and what is computed from them."""


@dataclass(frozen=True, slots=True)
class Word:
    """Classical bits, lowest first; `scalar` for a single `bit` or `bool`."""

    bits: tuple[Bit, ...]
    scalar: bool = False
    kind: str = ""
    """What the bits mean: `uint`, `int` in two's complement, `angle` as a fraction of a turn; empty for bits."""

    @property
    def known(self) -> bool:
        """Whether the value is known before the run."""
        return all(isinstance(bit, bool) for bit in self.bits)


@dataclass(frozen=True, slots=True)
class Qubits:
    """Qubits by index in the circuit; `scalar` for a single qubit, not a register."""

    indices: tuple[int, ...]
    scalar: bool = False


Value: TypeAlias = "bool | int | float | complex | Symbol | Duration | Word | Qubits | list[Value]"


class Type(NamedTuple):
    """A classical type: its keyword, its size, and for arrays the dimensions."""

    kind: str
    size: int | None = None
    dimensions: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Bits that a stored value takes."""
        if self.kind in ("bit", "bool"):
            return self.size or 1
        if self.kind == "angle":
            return self.size or _EXACT_BITS
        return (self.size or _UNSIZED_BITS) + (self.kind == "int")  # an `int` keeps its value, so it has a sign bit too

    @property
    def scalar(self) -> bool:
        return self.kind == "bool" or (self.kind == "bit" and self.size is None)


def truth(value: Value) -> Bit:
    """Return a value as a condition."""
    if isinstance(value, Word):
        return some(value.bits)
    if isinstance(value, bool | int | float | complex):
        return bool(value)
    raise UnlocatedError("this is not a condition", "a comparison, a bit or a Boolean")


def integer(value: Value, what: str = "this") -> int:
    """Return a value that must be a known whole number."""
    if isinstance(value, Word):
        if not value.known:
            raise Undecided(
                f"{what} depends on a measurement", (source for bit in value.bits for source in sources(bit))
            )
        found = sum(bool(bit) << place for place, bit in enumerate(value.bits))
        return found - (1 << len(value.bits)) if value.kind == "int" and value.bits[-1] is True else found
    if isinstance(value, int):
        return int(value)
    raise UnlocatedError(f"{what} is not a whole number", "an integer such as 5")


def number(value: Value, what: str = "this") -> float:
    """Return a value that must be a known real number."""
    if isinstance(value, int | float):
        return float(_bounded(value))
    if isinstance(value, Word):
        whole = integer(value, what)
        return math.ldexp(whole, -len(value.bits)) * math.tau if value.kind == "angle" else float(_bounded(whole))
    raise UnlocatedError(f"{what} is not a real number", "a number such as pi/2")


def angle(value: Value) -> float | Symbol:
    """Return a value that must be an angle of a gate; one that is open stays open."""
    if isinstance(value, Symbol):
        return value.then(angle)
    found = number(value, "the angle")
    if not math.isfinite(found):
        raise UnlocatedError("the angle is not finite", "a finite number", "parameter")
    return found


def _bounded(value: int | float) -> int | float:
    if isinstance(value, int) and value.bit_length() > 1_000:
        raise UnlocatedError("the number is too large", "a number below 10^300", "parameter")
    return value


def bits_of(value: Value, width: int) -> tuple[Bit, ...]:
    """Return the lowest bits of a word or an integer; a number below 0 is in two's complement."""
    if isinstance(value, Word):
        above = value.bits[-1] if value.kind == "int" else False
        return (value.bits + (above,) * (width - len(value.bits)))[:width]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return tuple(bool(value >> place & 1) for place in range(width))
    raise UnlocatedError("this has no bits", "a bit register or an integer")


def stored_bits(value: Value, kind: Type) -> tuple[Bit, ...]:
    """Return the bits that hold a value of a type; an angle is a fraction of a turn."""
    if kind.kind == "angle" and isinstance(value, int | float):
        value = round(value / math.tau * (1 << kind.width)) % (1 << kind.width)
    return bits_of(value, kind.width)


def word(bit: Bit) -> Value:
    """Return a bit as a value; a known bit becomes a Boolean."""
    return bit if isinstance(bit, bool) else Word((bit,), scalar=True)


def checked(value: int) -> int:
    if value.bit_length() > _MAX_BITS:
        raise UnlocatedError("the number is too large", f"at most {_MAX_BITS:,} bits", "too_large")
    return value


def initial(kind: Type) -> Value:
    """Return the value of a variable without an assignment."""
    if kind.dimensions:
        inner = Type(kind.kind, kind.size, kind.dimensions[1:])
        return [initial(inner) for _ in range(kind.dimensions[0])]
    if kind.kind == "bit":
        return Word((False,) * kind.width, kind.scalar)
    if kind.kind in ("duration", "stretch"):
        return Duration(0.0, "s", open=kind.kind == "stretch")
    return converted(0, kind)


def converted(value: Value, to: Type) -> Value:
    """Convert a value to a type.

    An `int` keeps its value at any size; `uint` wraps around.
    """
    if to.dimensions:
        return _array(value, to)
    if isinstance(value, Symbol) and to.kind in OPEN_KINDS:
        return value.then(lambda it: converted(it, to))
    match to.kind:
        case "bit":
            if isinstance(value, Word) and value.kind != "int" and len(value.bits) != to.width:
                raise UnlocatedError(
                    f"{len(value.bits)} bits do not fill {to.width}", "registers of one size", "arguments"
                )
            if isinstance(value, int) and not 0 <= value < 1 << to.width:
                raise UnlocatedError(
                    "the number does not fit the bits", f"below {1 << to.width}" if to.width < 64 else ""
                )
            return Word(bits_of(value, to.width), to.scalar)
        case "bool":
            return word(truth(value))
        case "int" | "uint":
            return _whole(value, to)
        case "float":
            return number(value)
        case "angle" if isinstance(value, Word) and (value.kind == "angle" or not (value.kind or value.scalar)):
            fraction = _fraction(value, to.width)
            return number(fraction) if fraction.known else fraction
        case "angle":
            return _angle(number(value), to.size)
        case "complex" if isinstance(value, int | float | complex):
            return complex(value)
        case "duration" | "stretch" if isinstance(value, Duration):
            return value
    raise UnlocatedError(f"this cannot become a value of type {to.kind}", f"a value of type {to.kind}")


def _whole(value: Value, to: Type) -> Value:
    if isinstance(value, Word):
        if not value.known:
            return _measured(value, to)
        value = integer(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if not isinstance(value, int):
        raise UnlocatedError(f"this cannot become a value of type {to.kind}", "a number")
    return checked(int(value)) % (1 << to.size) if to.kind == "uint" and to.size else checked(int(value))


def _measured(value: Word, to: Type) -> Word:
    """Convert measured bits to a whole number."""
    if to.kind == "uint":
        size = to.size or (_UNSIZED_BITS if value.kind == "int" else len(value.bits))
        return Word(bits_of(value, size), kind="uint")
    size = to.size or len(value.bits)
    if value.kind == "int":
        return Word(bits_of(value, size + 1), kind="int")
    return Word((*bits_of(value, size), False), kind="int")


def _fraction(value: Word, width: int) -> Word:
    """Convert bits to an angle: the highest bit is half a turn (specification, "Types and casting", Angles)."""
    if not value.kind and len(value.bits) != width:
        raise UnlocatedError(f"{len(value.bits)} bits do not fill {width}", "an angle of as many bits", "arguments")
    bits = ((False,) * (width - len(value.bits)) + value.bits)[-width:]
    return Word(bits, kind="angle")


def _angle(value: float, size: int | None) -> float:
    if not math.isfinite(value):
        raise UnlocatedError("the angle is not finite", "a finite number", "parameter")
    if size is None or size > _EXACT_BITS:
        return value % math.tau
    steps = 2.0**size
    return round(value % math.tau / math.tau * steps) % steps / steps * math.tau


def _array(value: Value, to: Type) -> list[Value]:
    inner = Type(to.kind, to.size, to.dimensions[1:])
    if not isinstance(value, list) or len(value) != to.dimensions[0]:
        raise UnlocatedError("the array has another shape", f"{to.dimensions[0]} elements", "arguments")
    return [converted(element, inner) for element in value]
