"""Decimals of price books: how they are written, their limits, and millionths.

The limits of `Digits` prevent that valid prices and usage need more digits than `queuebit_kernel.exact` has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from queuebit_kernel.exact import EXACT, plain

__all__ = [
    "Amount",
    "Digits",
    "Seconds",
    "Unquoted",
    "from_micros",
    "to_micros",
]

_MICRO = 6


def from_micros(micros: int) -> Decimal:
    """Convert millionths to units: 1_500_000 becomes 1.5."""
    return EXACT.scaleb(Decimal(micros), -_MICRO)


def to_micros(units: Decimal) -> int:
    """Convert units with at most six decimal places to millionths: 1.5 becomes 1_500_000."""
    return int(EXACT.scaleb(units, _MICRO))


@dataclass(frozen=True, slots=True)
class Unquoted:
    """A number of a document of JSON, as it was written."""

    text: str


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
            value = Unquoted(str(value))
        if isinstance(value, Unquoted):
            quoted = format(Decimal(value.text), "f")
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
