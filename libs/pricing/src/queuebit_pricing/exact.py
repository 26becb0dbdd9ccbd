"""Reads, adds, multiplies and writes exact decimals.

Nothing is rounded: a result that needs rounding raises `decimal.Inexact`. The limits of `Digits` prevent this for valid
prices and usage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

__all__ = ["Amount", "Digits", "Seconds", "from_micros", "plain", "product", "to_micros", "total"]

_MICRO = 6


_EXACT: Final = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])


def product(left: Decimal, right: Decimal) -> Decimal:
    """Multiply without rounding."""
    return _EXACT.multiply(left, right)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add without rounding; the total of no amounts is 0."""
    result = Decimal(0)
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def from_micros(micros: int) -> Decimal:
    """Convert millionths to units: 1_500_000 becomes 1.5."""
    return _EXACT.scaleb(Decimal(micros), -_MICRO)


def to_micros(units: Decimal) -> int:
    """Convert units with at most six decimal places to millionths: 1.5 becomes 1_500_000."""
    return int(_EXACT.scaleb(units, _MICRO))


def plain(value: Decimal) -> str:
    """Format without exponent or trailing zeros; equal values have equal text."""
    return format(_EXACT.normalize(value), "f")


@dataclass(frozen=True, slots=True)
class Digits:
    """Type of a `Decimal` of at least 0 that is written as text, with a limited number of digits.

    Accepts text and `Decimal`. Refuses numbers, because parsers read a TOML or JSON number as a binary float, which
    cannot represent 0.1 exactly.
    """

    whole: int
    """The most digits before the decimal point."""
    places: int
    """The most digits after the decimal point."""

    @property
    def pattern(self) -> str:
        return rf"^(0|[1-9][0-9]{{0,{self.whole - 1}}})(\.[0-9]{{1,{self.places}}})?$"

    def read(self, value: object) -> Decimal:
        if isinstance(value, int | float) and not isinstance(value, bool):
            quoted = format(Decimal(str(value)), "f")
            raise PydanticCustomError("unquoted", 'put the number in quotes: "{quoted}"', {"quoted": quoted})
        text = format(value, "f") if isinstance(value, Decimal) else value
        if not isinstance(text, str) or not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(
                "digits",
                "{value} is not an amount: write digits in quotes, without a sign, at most {whole} digits "
                'before the point and {places} after it, such as "0.25"',
                {"value": repr(value), "whole": self.whole, "places": self.places},
            )
        return Decimal(text)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(plain, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"type": "string", "pattern": self.pattern}


Amount = Annotated[Decimal, Digits(whole=9, places=12)]
"""The price of one unit, or its weight in JBU."""

Seconds = Annotated[Decimal, Digits(whole=9, places=6)]
"""A duration in seconds, with microseconds."""
