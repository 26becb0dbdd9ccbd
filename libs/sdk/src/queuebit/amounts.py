"""Parses amounts of money."""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real

from queuebit.errors import InvalidInput
from queuebit_kernel import Money

__all__ = ["Amount", "money_of"]

Amount = Money | Decimal | int | float | str
"""An amount of money; a number is in USD, a text may name its currency: "0.10", "0.10 EUR"."""

_DIGITS = 18
"""The most digits on either side of the point."""


def money_of(amount: Amount, name: str = "max_cost") -> Money:
    """The exact amount; a float counts as the digits that Python shows for it: 0.1 is 0.10 USD.

    Raises:
        InvalidInput: it is not an amount of money, or a negative one; the text calls it `name`.
    """
    try:
        money = _read(amount)
        whole, _, fraction = money.text().partition(".")
        if money.amount < 0 or max(len(whole), len(fraction)) > _DIGITS:
            raise ValueError
    except (ArithmeticError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{name} {amount!r:.60} is not an amount of money: write it like 0.10, '0.10' or '0.10 EUR'"
        ) from error
    return money


def _read(amount: Amount) -> Money:
    match amount:
        case Money():
            return amount
        case Decimal():
            return Money(amount)
        case bool():
            raise TypeError
        case str():
            digits, _, currency = amount.strip().partition(" ")
            return Money(Decimal(digits), currency.strip() or "USD")
        case Integral():
            return Money(Decimal(int(amount)))
        case Real():
            return Money(Decimal(repr(float(amount))))
        case _:
            raise TypeError
