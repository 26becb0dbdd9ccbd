"""The part of I2 about reservations: each is held for, and released or billed once, as its facts and its price say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.records import AccountEntry
from queuebit_audit.reservation_facts import ReservationFacts
from queuebit_contracts.reservation import ReservationEnd
from queuebit_contracts.subjects import event_name
from queuebit_pricing import PriceBook, Unpriced, reserved_charge

__all__ = ["reservation_adds_up"]


def reservation_adds_up(
    facts: ReservationFacts, entries: Sequence[AccountEntry], book: PriceBook, outstanding: Outstanding
) -> Iterator[str]:
    """Check the facts and the money of one reservation.

    Args:
        facts: its events.
        entries: what its account says of its hold.
        book: the prices.
        outstanding: what services have not done yet.
    """
    yield from (f"it has a second event {name}" for name in {*facts.names} if facts.names.count(name) > 1)
    booked, end = facts.reservation, facts.end
    if booked is None:
        yield f"it was {event_name(facts.names[0])}, and was never booked"
        return
    if facts.cancelled and end is not None:
        yield "it was cancelled, and it ended"
    hold = [Decimal(booked.hold.amount)] if booked.hold else []
    held, released = _of(entries, "held"), _of(entries, "released")
    if held != hold:
        yield f"its hold is {_sum(hold)}, but {_sum(held)} was held"
    if released != (held if facts.cancelled else []):
        state = "cancelled" if facts.cancelled else "not cancelled"
        yield f"of {_sum(held)} held {_sum(released)} was released, and it was {state}"
    settled = [it for it in entries if it.name == "settled"]
    if end is None or not hold:
        if settled:
            yield f"{settled[0].settled} was charged for it, although it {'is free' if end else 'has not ended'}"
        return
    yield from _charged(facts, end, hold[0], settled, book, outstanding)


def _charged(
    facts: ReservationFacts,
    end: ReservationEnd,
    held: Decimal,
    settled: Sequence[AccountEntry],
    book: PriceBook,
    outstanding: Outstanding,
) -> Iterator[str]:
    """The charge follows from the time, and the time is that of the slot."""
    elapsed = int((end.ended_at - end.starts_at).total_seconds())
    if end.used_s + end.idle_s + end.unavailable_s != elapsed:
        yield f"it has {end.used_s} s used, {end.idle_s} s idle and {end.unavailable_s} s unavailable, of {elapsed} s"
    try:
        unit = book.price(end.price).per_reserved_second or Decimal(0)
    except Unpriced:
        yield f"it has price {end.price}, which the price book does not have"
        return
    if facts.bill is None or not settled:
        if not outstanding.owes("metering-reservations", facts.last):
            yield f"{held} was held for it, and it ended, but was never charged"
        return
    due, charged = reserved_charge(unit, end.used_s, end.idle_s).total, Decimal(facts.bill.charge.amount)
    if charged != due:
        yield f"{charged} was charged for its time, which costs {due}"
    if [(it.amount, it.settled, it.released) for it in settled] != [(held, charged, held - charged)]:
        yield f"{held} was held for it and {charged} charged, but {settled[0].settled} settled"


def _of(entries: Sequence[AccountEntry], name: str) -> list[Decimal]:
    return [it.amount for it in entries if it.name == name]


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
