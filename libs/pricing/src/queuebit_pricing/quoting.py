"""Before the run: the most a job can cost."""

from __future__ import annotations

from queuebit_pricing.listing import Price
from queuebit_pricing.rating import itemise
from queuebit_pricing.statement import Statement
from queuebit_pricing.usage import Bounds

__all__ = ["Quote", "quote"]


class Quote(Statement):
    """The amount to hold for a job. Its lines show the authorised quantities as consumed."""

    bounds: Bounds


def quote(price: Price, bounds: Bounds) -> Quote:
    """Price a job as if it reached every bound and completed.

    Any `rate` of the same price under the same bounds is at most this: each component's amount grows with its
    quantities, and quantities beyond the bounds are not billed.
    """
    most = bounds.exhausted()
    return Quote(**dict(itemise(price, consumed=most, payable=most)), bounds=bounds)
