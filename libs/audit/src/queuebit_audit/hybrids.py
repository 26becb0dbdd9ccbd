"""What the log says of hybrid jobs: I1 for their course, and I2 for the money that is held for their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from queuebit_audit.records import AccountEntry
from queuebit_contracts.hybrid import ENDS, HybridAcceptance, HybridMetering
from queuebit_pricing import PriceBook, Unpriced, rate_time

if TYPE_CHECKING:
    from queuebit_audit.lifecycle import Outstanding

__all__ = ["Hybrid", "HybridBill", "HybridTerms", "hybrid_course", "time_adds_up"]

_ONCE = ("submitted", "accepted", "metered")
_AFTER_THE_END = ("metered", "stop_requested")


class HybridTerms(NamedTuple):
    """What was accepted."""

    hold: Decimal
    price: str
    limit_us: int
    session: str = ""
    """The session whose cap its hold counts against; empty for none."""

    @classmethod
    def of(cls, data: HybridAcceptance) -> HybridTerms:
        """What an acceptance says."""
        terms = data.terms
        return cls(Decimal(terms.hold.amount), terms.price, terms.max_time_s * 1_000_000, data.session or "")


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
    names: list[str] = field(default_factory=list)
    """Of its events, in order."""
    permitted: bool = False
    """Whether a key of a user who may submit signed it."""
    last: int = 0
    """Sequence of its newest event."""

    @property
    def ends(self) -> list[str]:
        """The names of the events that ended it: of one, in a good log."""
        return [it for it in self.names if it in ENDS]


def hybrid_course(it: Hybrid, outstanding: Outstanding) -> Iterator[str]:
    """Whether its events have an order that is possible, and a consumer still has it if it has not ended."""
    if it.names[0] != "submitted":
        yield f"its history begins with {it.names[0]}, not with submitted"
    for name in _ONCE:
        if (times := it.names.count(name)) > 1:
            yield f"it was {name} {times} times"
    if len(it.ends) > 1:
        yield f"it ended {len(it.ends)} times: {', '.join(it.ends)}"
    if it.ends:
        after = it.names[it.names.index(it.ends[0]) :]
        yield from (f"it was {name} after it had ended" for name in after if name not in (*ENDS, *_AFTER_THE_END))
        return
    if "metered" in it.names:
        yield "it was metered, but never ended"
    accepted = "accepted" in it.names
    consumer = "hybrid-accepted" if accepted else "broker-hybrids"
    if not outstanding.owes(consumer, it.last):
        fault = "accepted, but never ended" if accepted else "submitted, but neither accepted nor rejected"
        yield f"it was {fault}, and {consumer} has no message left (see the dead letters)"


def time_adds_up(
    it: Hybrid, entries: Sequence[AccountEntry], book: PriceBook, outstanding: Outstanding
) -> Iterator[str]:
    """Whether its hold is that of its terms and ended once with its charge, which follows from price and time."""
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        yield "its account has several entries of one kind for it"
    held, settled = by_name.get("held"), by_name.get("settled")
    if it.terms is None:
        if entries or it.bill:
            what = f"its account was {entries[0].name}" if entries else "it was metered"
            yield f"{what}, but it was never accepted"
        return
    if held is None or held.amount != it.terms.hold:
        yield f"it was accepted with a hold of {it.terms.hold}, but {held.amount if held else 'nothing'} was held"
    if held is not None and held.session != it.terms.session:
        yield f"it is of {it.terms.session or 'no session'}, but its hold counts in {held.session or 'none'}"
    if it.bill is None or settled is None:
        if it.ends and not outstanding.owes("metering-hybrids", it.last):
            yield "it ended, but its hold was never settled"
        return
    ended_hold = settled.settled + settled.released
    if settled.settled != it.bill.amount or {settled.amount, ended_hold} != {it.terms.hold}:
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
