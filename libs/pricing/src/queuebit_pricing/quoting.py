"""Computes the maximum cost of a job before its run."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_pricing.price import Price
from queuebit_pricing.rating import itemise
from queuebit_pricing.statement import Statement
from queuebit_pricing.usage import Bounds

__all__ = ["Quote", "quote"]


@dataclass(frozen=True, slots=True)
class Quote(Statement):
    """The amount to hold for a job. Its lines show the authorised quantities as consumed."""

    bounds: Bounds


def quote(price: Price, bounds: Bounds) -> Quote:
    """Compute the price of a job that completes and reaches every bound.

    A charge with the same price and bounds is never higher: the amount of each component increases with its quantity,
    and quantities beyond the bounds are not billed.
    """
    most = bounds.exhausted()
    return Quote(price, *itemise(price, consumed=most, payable=most), bounds)
