"""The part of I2 about sessions: each is opened, held for, closed and billed once, as its facts and its price say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.records import AccountEntry
from queuebit_audit.session_facts import SessionFacts
from queuebit_contracts.session import SessionEnd
from queuebit_pricing import PriceBook, Unpriced, idle_charge, session_price

__all__ = ["session_adds_up"]


def session_adds_up(
    facts: SessionFacts,
    cap: Sequence[AccountEntry],
    idle: Sequence[AccountEntry],
    book: PriceBook,
    outstanding: Outstanding,
) -> Iterator[str]:
    """Check the facts and the money of one session.

    Args:
        facts: its events.
        cap: what its account says of its hold.
        idle: what its account says of the hold for its idle time.
        book: the prices.
        outstanding: what services have not done yet.
    """
    yield from (f"it has a second event {name}" for name in facts.twice)
    session, end = facts.session, facts.end
    if session is None:
        yield "it closed, and was never opened"
        return
    held, released = _of(cap, "cap"), _of(cap, "released")
    if held != ([Decimal(session.cap.amount)] if session.cap else []):
        yield f"its cap is {session.cap.amount if session.cap else 'none'}, but {_sum(held)} was held"
    if end is None:
        if released or idle:
            yield "its hold has ended, although it is open"
        return
    if released != held:
        yield f"it closed, but of {_sum(held)} held {_sum(released)} was released"
    yield from _idle(facts, end, idle, book, outstanding)


def _idle(
    facts: SessionFacts, end: SessionEnd, entries: Sequence[AccountEntry], book: PriceBook, outstanding: Outstanding
) -> Iterator[str]:
    """What is held for idle time follows from the price, and is charged."""
    held = Decimal(end.idle_hold.amount) if end.idle_hold else Decimal(0)
    if _of(entries, "held") != ([held] if held else []):
        yield f"{held} is due for its idle time, but {_sum(_of(entries, 'held'))} was held"
    if not held:
        return
    try:
        price = book.price(end.price or "")
    except Unpriced:
        yield f"its idle time has price {end.price}, which the price book does not have"
        return
    seconds = end.idle_s if end.wall_s is None else end.wall_s
    unit = session_price(price, wall_clock=end.wall_s is not None) or Decimal(0)
    if idle_charge(unit, seconds, held).amount != held:
        yield f"{held} was held for {seconds} s of it, which price {end.price} does not give"
    settled = [it for it in entries if it.name == "settled"]
    if facts.bill is None or not settled:
        if not outstanding.owes("metering-sessions", facts.last):
            yield f"its idle time was held for with {held}, but never charged"
        return
    charged = Decimal(facts.bill.charge.amount)
    if [(it.amount, it.settled, it.released) for it in settled] != [(held, charged, held - charged)] or charged != held:
        yield f"{held} was held for its idle time, but {charged} charged and {settled[0].settled} settled"


def _of(entries: Sequence[AccountEntry], name: str) -> list[Decimal]:
    return [it.amount for it in entries if it.name == name]


def _sum(amounts: Sequence[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
