"""Whether spot jobs cost no more than others, on each backend and at any time of a price book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from queuebit_pricing.errors import Problem
from queuebit_pricing.explain import place
from queuebit_pricing.listing import COUNTED, Listing

__all__ = ["above_usual"]


def above_usual(listings: Sequence[tuple[int, Listing]]) -> list[Problem]:
    """Return the prices of spot jobs that are above the price of other jobs in a component, each with its number."""
    spot = [(number, it) for number, it in listings if it.spot]
    usual = [it for _, it in listings if not it.spot]
    every = [it for _, it in listings]
    return [
        Problem(
            place(number, one.id),
            f"is a price of spot jobs, and {component} is above that of {other.id!r}: spot jobs cost no more; "
            f"lower it, or give {other.backend} a price of spot jobs of its own",
            ("price", number),
        )
        for number, one in spot
        for other in usual
        if _meet(one, other, every)
        for component in (*COUNTED, "base", "floor")
        if _amount(one, component) > _amount(other, component)
    ]


def _meet(one: Listing, other: Listing, listings: Sequence[Listing]) -> bool:
    """Return whether spot jobs have the one price, and others the other, on some backend at some time."""
    backend = max(one, other, key=lambda it: it.precedence).backend.rstrip("*")
    if not (one.covers(backend) and other.covers(backend)):
        return False
    changes = {at for it in listings for at in (it.valid_from, it.valid_until) if at is not None}
    return any(
        _valid(backend, at, listings, spot=True) is one and _valid(backend, at, listings, spot=False) is other
        for at in changes
    )


def _valid(backend: str, at: datetime, listings: Sequence[Listing], *, spot: bool) -> Listing | None:
    found = (it for it in listings if it.spot == spot and it.covers(backend) and it.applies(at))
    return max(found, key=lambda it: it.precedence, default=None)


def _amount(listing: Listing, component: str) -> Decimal:
    """Return the amount of a component, or the least amount of a task (`floor`); 0 if it has none."""
    if component != "floor":
        return listing.unit_price(component) or Decimal(0)
    if listing.minimum is None or listing.minimum.rule != "floor":
        return Decimal(0)
    return listing.minimum.amount * (Decimal(1) if listing.credits is None else listing.credits.price)
