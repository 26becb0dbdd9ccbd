"""The base of quotes and charges: lines with their sum, and the price that they follow from."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from queuebit_kernel import Money
from queuebit_kernel.exact import total
from queuebit_pricing.listing import Component
from queuebit_pricing.price import Price

__all__ = ["UNITS", "Line", "Statement"]

UNITS: dict[Component, str] = {
    "task": "Tasks",
    "shot": "Shots",
    "second": "Seconds",
    "qubit_second": "Qubit-Seconds",
    "gate_1q": "Gate-Shots",
    "gate_2q": "Gate-Shots",
    "measurement": "Gate-Shots",
    "base": "Jobs",
    "minimum": "Units",
}
"""The unit of each component on an invoice."""


@dataclass(frozen=True, slots=True)
class Line:
    """One price component of one job; `amount` is exactly `billed` times `unit_price`."""

    component: Component
    consumed: Decimal
    """The consumed quantity, without limits."""
    billed: Decimal
    """The billed quantity: at most the authorised quantity, rounded up to the billing increment."""
    unit_price: Decimal
    amount: Decimal
    credits: Decimal | None = None
    """The amount in the virtual currency of the price; None if it has none."""

    @property
    def unit(self) -> str:
        """The unit of both quantities."""
        return UNITS[self.component]


@dataclass(frozen=True, slots=True)
class Statement:
    """An amount with its explanation: the lines that add up to it."""

    price: Price
    """The price, which names its book."""
    lines: tuple[Line, ...]
    amount: Decimal
    jbu: Decimal
    """Job billing units of the billed quantities."""

    @property
    def currency(self) -> str:
        """The currency of the book."""
        return self.price.currency

    @property
    def credits(self) -> Decimal | None:
        """The amount in the virtual currency of the price; None if it has none."""
        return None if self.price.credits is None else total([line.credits or Decimal(0) for line in self.lines])

    @property
    def money(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)
