"""Adds, multiplies and writes exact decimals: the one home of decimal arithmetic near money.

Nothing is rounded: a result that needs rounding raises `decimal.Inexact`. Operators of `Decimal` round to 28 digits and
say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final

__all__ = ["EXACT", "difference", "places", "plain", "product", "quotient", "rounded", "total"]

EXACT: Final = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
"""120 digits, more than any sum or product of amounts here needs."""
_ROUNDING: Final = Context(prec=120, traps=[InvalidOperation, Overflow, DivisionByZero])


def product(left: Decimal, right: Decimal) -> Decimal:
    """Multiply without rounding."""
    return EXACT.multiply(left, right)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add without rounding; the total of no amounts is 0."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


def difference(left: Decimal, right: Decimal) -> Decimal:
    """Subtract without rounding."""
    return EXACT.subtract(left, right)


def quotient(left: Decimal, right: Decimal) -> Decimal:
    """Divide where the result is exact; `decimal.Inexact` otherwise."""
    return EXACT.divide(left, right)


def places(value: Decimal) -> int:
    """Return the number of decimal places that a finite value needs."""
    exponent = EXACT.normalize(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half to even to a number of decimal places. The only function here that rounds."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, _ROUNDING)


def plain(value: Decimal) -> str:
    """Format without exponent or trailing zeros; equal values have equal text, so minus 0 is `0`."""
    return format(EXACT.normalize(value), "f") if value else "0"
