"""Amounts of money: exact decimals with a currency, never floats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from queuebit_kernel.exact import EXACT, plain

__all__ = ["CurrencyMismatch", "Money"]


@lru_cache(256)
def _is_currency(text: str) -> bool:
    return re.fullmatch(r"[A-Z]{3}", text) is not None


class CurrencyMismatch(ValueError):
    """An operation on amounts in different currencies. There is no conversion."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount.

    Raises:
        TypeError: the amount is a float.
        ValueError: the currency is not three capital letters, or the amount is not finite.
    """

    amount: Decimal
    currency: str = "USD"

    def __post_init__(self) -> None:
        if not isinstance(self.amount, Decimal):
            raise TypeError(f"amount {self.amount!r} is not a Decimal")
        if not self.amount.is_finite():
            raise ValueError(f"amount {self.amount} is not finite")
        if not _is_currency(self.currency):
            raise ValueError(f"currency {self.currency!r} is not three capital letters (ISO 4217)")

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str = "USD") -> Money:
        """Build an amount from text, an integer or a `Decimal`."""
        return cls(Decimal(amount), currency)

    @classmethod
    def zero(cls, currency: str = "USD") -> Money:
        return cls(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        return Money(EXACT.add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(EXACT.subtract(self.amount, self._same(other)), self.currency)

    def __neg__(self) -> Money:
        return Money.zero(self.currency) - self

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def __str__(self) -> str:
        return f"{self.text()} {self.currency}"

    def text(self) -> str:
        """The amount as plain digits without exponent, with two or more decimal places and no other trailing zeros."""
        digits = plain(self.amount)
        whole, _, fraction = digits.partition(".")
        return f"{whole}.{fraction.ljust(2, '0')}"

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"cannot combine {self.currency} and {other.currency}")
        return other.amount
