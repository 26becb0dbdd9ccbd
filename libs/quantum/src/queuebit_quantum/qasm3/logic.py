"""Logic on classical bits: computes known bits, and builds expressions for the backend from measured bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr

__all__ = [
    "Bit",
    "both",
    "differ",
    "either",
    "equal",
    "every",
    "less",
    "negate",
    "some",
    "sources",
]

Bit: TypeAlias = bool | expr.Expr
"""A known bit, or an expression that only a run can decide."""


def negate(bit: Bit) -> Bit:
    return (not bit) if isinstance(bit, bool) else expr.logic_not(bit)


def both(left: Bit, right: Bit) -> Bit:
    if isinstance(left, bool):
        return right if left else False
    if isinstance(right, bool):
        return left if right else False
    return expr.logic_and(left, right)


def either(left: Bit, right: Bit) -> Bit:
    return (
        negate(both(negate(left), negate(right)))
        if isinstance(left, bool) or isinstance(right, bool)
        else (expr.logic_or(left, right))
    )


def differ(left: Bit, right: Bit) -> Bit:
    if isinstance(left, bool):
        return negate(right) if left else right
    if isinstance(right, bool):
        return negate(left) if right else left
    return expr.bit_xor(left, right)


def every(bits: Sequence[Bit]) -> Bit:
    return _folded(bits, both, True)


def some(bits: Sequence[Bit]) -> Bit:
    return _folded(bits, either, False)


def equal(left: Sequence[Bit], right: Sequence[Bit]) -> Bit:
    """Compare two words of the same width."""
    return every([negate(differ(one, other)) for one, other in zip(left, right, strict=True)])


def less(left: Sequence[Bit], right: Sequence[Bit]) -> Bit:
    """Compare two words of one width as unsigned integers, lowest bit first. Splits in halves to limit the depth."""
    if len(left) == 1:
        return both(negate(left[0]), right[0])
    half = len(left) // 2
    upper = less(left[half:], right[half:])
    lower = less(left[:half], right[:half])
    return either(upper, both(equal(left[half:], right[half:]), lower))


def sources(bit: Bit) -> Iterator[Clbit]:
    """Yield the classical bits that a bit depends on."""
    if not isinstance(bit, bool):
        for variable in expr.iter_vars(bit):
            yield variable.var


def _folded(bits: Sequence[Bit], combine: Callable[[Bit, Bit], Bit], empty: bool) -> Bit:
    """Combine bits in pairs, so that the expression has the smallest depth."""
    left = list(bits)
    while len(left) > 1:
        left = [combine(*left[at : at + 2]) if at + 1 < len(left) else left[at] for at in range(0, len(left), 2)]
    return left[0] if left else empty
