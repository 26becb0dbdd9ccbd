"""Consumption of a period, as agreements count it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

__all__ = ["Consumed"]


@dataclass(frozen=True, slots=True)
class Consumed:
    """The billed quantity of a day, at list price: all jobs of one project, price, component and unit price."""

    day: date
    """In UTC."""
    project: str
    price: str
    component: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    """`quantity` times `unit_price`."""
