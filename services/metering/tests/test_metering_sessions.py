"""The idle time of a session is billed once, for what was held for it."""

from __future__ import annotations

import pytest

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.session import SessionClosed, SessionEnd, SessionMetered, idle_hold_of
from queuebit_contracts.wire import Amount
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_metering.sessions import MeterSession, bill_session
from queuebit_pricing import PriceBook, parse
from queuebit_testing.memory import MemoryLog

from .conftest import BOOK, THEN

PRICED = BOOK.replace('per_task = "0.001"', 'per_task = "0.001"\nper_session_idle_second = "0.002"')


@pytest.fixture
def book() -> PriceBook:
    return parse(PRICED)


def closed(**changes: object) -> SessionClosed:
    end = {
        "tenant": "acme",
        "session": "s1",
        "project": "main",
        "reason": "idle",
        "idle_s": 100,
        "idle_hold": Amount(amount="0.20"),
        "price": "aer-1",
        "closed_at": THEN,
        **changes,
    }
    return SessionClosed(source="qb/broker", data=SessionEnd.model_validate(end))


async def test_it_is_metered_and_settled_once_whatever_is_delivered_again(book: PriceBook) -> None:
    log = MemoryLog()
    for _ in range(2):
        await MeterSession(log, book)(closed())
    (metered,), (settled,) = log.events(SessionMetered), log.events(AccountSettled)
    (line,) = metered.data.charge.lines
    assert (line.component, line.consumed, line.billed, line.unit_price, line.amount) == (
        "session_idle_second",
        "100",
        "100",
        "0.002",
        "0.2",
    )
    assert (settled.data.job, settled.data.settled.amount, settled.data.released.amount) == (
        idle_hold_of("s1"),
        "0.20",
        "0.00",
    )


def test_each_second_of_a_session_is_billed_where_its_price_says_so() -> None:
    book = parse(PRICED.replace("per_session_idle_second", "per_session_second"))
    bill = bill_session(closed(wall_s=150, idle_hold=Amount(amount="0.30")).data, book)
    assert bill is not None
    (line,) = bill.charge.lines
    assert (line.component, line.consumed, line.billed, line.amount) == ("session_second", "150", "150", "0.3")
    with pytest.raises(Overcharged):
        bill_session(closed().data, book)


async def test_after_a_crash_between_the_two_the_next_delivery_settles(book: PriceBook) -> None:
    log = MemoryLog()
    await MeterSession(log, book)(closed())
    del log.stored[1]
    await MeterSession(log, book)(closed())
    assert len(log.events(SessionMetered)) == len(log.events(AccountSettled)) == 1


def test_only_the_seconds_that_are_held_for_are_billed(book: PriceBook) -> None:
    bill = bill_session(closed(idle_hold=Amount(amount="0.004")).data, book)
    assert bill is not None
    assert (bill.charge.amount, bill.charge.lines[0].billed, bill.charge.lines[0].consumed) == ("0.004", "2", "100")


async def test_a_session_without_a_hold_for_its_idle_time_costs_nothing(book: PriceBook) -> None:
    log = MemoryLog()
    await MeterSession(log, book)(closed(idle_hold=None, price=None))
    assert log.stored == []


def test_a_price_that_is_lost_or_altered_is_not_guessed(book: PriceBook) -> None:
    with pytest.raises(PriceLost):
        bill_session(closed(price="gone-1").data, book)
    with pytest.raises(Overcharged):
        bill_session(closed(idle_hold=Amount(amount="0.003")).data, book)
    with pytest.raises(Overcharged):
        bill_session(closed(price="device-1").data, book)
