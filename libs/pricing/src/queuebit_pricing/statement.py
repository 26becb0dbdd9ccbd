"""The base of quotes and charges: lines with their sum, and a reference to price and book."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from queuebit_kernel import Malformed, Money
from queuebit_pricing.exact import Exact, product, total
from queuebit_pricing.listing import Component, Currency

__all__ = ["UNITS", "Line", "Statement"]

UNITS: dict[Component, str] = {
    "task": "Tasks",
    "shot": "Shots",
    "second": "Seconds",
    "qubit_second": "Qubit-Seconds",
}
"""The unit of each component on an invoice."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Line(_Document):
    """One price component of one job; `amount` is exactly `billed` times `unit_price`."""

    id: str
    """Price id and component, such as `aer-2026-11.task`; the same for all tenants."""
    component: Component
    unit: str
    consumed: Exact
    """The consumed quantity, without limits."""
    billed: Exact
    """The billed quantity: at most the authorised quantity, rounded up to the billing increment."""
    unit_price: Exact
    amount: Exact

    @model_validator(mode="after")
    def _multiplies(self) -> Self:
        if product(self.billed, self.unit_price) != self.amount:
            raise ValueError(f"line {self.id}: {self.billed} x {self.unit_price} is not {self.amount}")
        return self


class Statement(_Document):
    """An amount with its explanation: the lines that add up to it, and the price and book."""

    price_id: str
    book: str
    """The version of the price book."""
    book_digest: str
    currency: Currency
    lines: tuple[Line, ...]
    amount: Exact
    jbu: Exact
    """Job billing units of the billed quantities."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if (lines := total(line.amount for line in self.lines)) != self.amount:
            raise ValueError(f"the lines of {self.price_id} add up to {lines}, not to {self.amount}")
        return self

    @property
    def money(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)

    def to_json(self) -> dict[str, Any]:  # JSON: text, integers, lists and objects of them
        """Return the form for events, with decimals as text."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read the form of `to_json`; ignores unknown fields.

        Raises:
            Malformed: a field is missing or invalid, or the amounts do not add up.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise Malformed(f"{cls.__name__.lower()} cannot be read, ask its sender to correct it: {error}") from error
