"""What the log says of hybrid jobs, and I2 for the money that is held for their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from queuebit_audit.records import AccountEntry
from queuebit_contracts.hybrid import HybridAcceptance, HybridMetering
from queuebit_pricing import PriceBook, Unpriced, rate_time

if TYPE_CHECKING:
    from queuebit_audit.lifecycle import Outstanding

__all__ = ["Hybrid", "HybridBill", "HybridTerms", "time_adds_up"]


class HybridTerms(NamedTuple):
    """What was accepted."""

    hold: Decimal
    price: str
    limit_us: int

    @classmethod
    def of(cls, data: HybridAcceptance) -> HybridTerms:
        """What an acceptance says."""
        terms = data.terms
        return cls(Decimal(terms.hold.amount), terms.price, terms.max_time_s * 1_000_000)


class HybridBill(NamedTuple):
    """What was charged."""

    amount: Decimal
    time_us: int

    @classmethod
    def of(cls, data: HybridMetering) -> HybridBill:
        """What a bill says."""
        return cls(Decimal(data.charge.amount), data.usage.time_us)


@dataclass(slots=True)
class Hybrid:
    """One hybrid job."""

    terms: HybridTerms | None = None
    bill: HybridBill | None = None
    ends: int = 0
    last: int = 0
    """Sequence of its newest event."""


def time_adds_up(
    it: Hybrid, entries: Sequence[AccountEntry], book: PriceBook, outstanding: Outstanding
) -> Iterator[str]:
    """Whether its hold is that of its terms and ended once with its charge, which follows from price and time."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        yield "its account has several entries of one kind for it"
    held, settled = by_name.get("held"), by_name.get("settled")
    if it.ends > 1:
        yield f"it ended {it.ends} times"
    if it.terms is None:
        if entries:
            yield f"its account was {entries[0].name}, but it was never accepted"
        return
    if held is None or held.amount != it.terms.hold:
        yield f"it was accepted with a hold of {it.terms.hold}, but {held.amount if held else 'nothing'} was held"
    if it.bill is None or settled is None:
        if it.ends and not outstanding.owes("metering-hybrids", it.last):
            yield "it ended, but its hold was never settled"
        return
    if settled.settled != it.bill.amount or settled.settled + settled.released != it.terms.hold:
        yield f"{it.bill.amount} was charged, but {settled.settled} settled and {settled.released} released"
    yield from _rated(it.terms, it.bill, book)


def _rated(terms: HybridTerms, bill: HybridBill, book: PriceBook) -> Iterator[str]:
    try:
        price = book.price(terms.price)
    except Unpriced:
        yield f"its price {terms.price} is not in the price book"
        return
    due = rate_time(price, bill.time_us, terms.limit_us).amount
    if due != bill.amount:
        yield f"{bill.amount} was charged, but by price {terms.price} its time costs {due}"
