"""The time of a reservation is billed once: used and idle, and not what the backend could not give."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.reservation import ReservationEnd, ReservationEnded, ReservationMetered
from queuebit_contracts.wire import Amount
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_metering.reservations import MeterReservation, bill_reservation
from queuebit_pricing import PriceBook, parse
from queuebit_testing.memory import MemoryLog

from .conftest import BOOK, THEN

PRICED = BOOK.replace('per_task = "0.001"', 'per_task = "0.001"\nper_reserved_second = "0.002"')


@pytest.fixture
def book() -> PriceBook:
    return parse(PRICED)


def ended(**changes: object) -> ReservationEnded:
    end = {
        "tenant": "acme",
        "reservation": "r1",
        "project": "main",
        "backend": "aer",
        "reason": "over",
        "starts_at": THEN,
        "ended_at": THEN,
        "used_s": 100,
        "idle_s": 200,
        "unavailable_s": 300,
        "unit_price": Amount(amount="0.002"),
        "price": "aer-1",
        "hold": Amount(amount="1.20"),
        **changes,
    }
    return ReservationEnded(source="qb/scheduler", data=ReservationEnd.model_validate(end))


async def test_it_is_metered_and_settled_once_whatever_is_delivered_again(book: PriceBook) -> None:
    log = MemoryLog()
    for _ in range(2):
        await MeterReservation(log, book)(ended())
    (metered,), (settled,) = log.events(ReservationMetered), log.events(AccountSettled)
    assert [(it.component, it.billed, it.amount) for it in metered.data.charge.lines] == [
        ("reserved_second", "100", "0.2"),
        ("reserved_idle_second", "200", "0.4"),
    ]
    assert (metered.data.charge.amount, metered.data.unavailable_s) == ("0.60", 300)
    data = settled.data
    assert (data.job, data.settled.amount, data.released.amount) == ("r1", "0.60", "0.60")


async def test_after_a_crash_between_the_two_the_next_delivery_settles(book: PriceBook) -> None:
    log = MemoryLog()
    await MeterReservation(log, book)(ended())
    del log.stored[1]
    await MeterReservation(log, book)(ended())
    assert len(log.events(ReservationMetered)) == len(log.events(AccountSettled)) == 1


def test_a_free_reservation_has_no_bill_and_an_altered_price_is_a_fault(book: PriceBook) -> None:
    assert bill_reservation(ended(hold=None).data, book) is None
    with pytest.raises(PriceLost):
        bill_reservation(ended(price="gone").data, book)
    with pytest.raises(Overcharged):
        bill_reservation(ended(hold=Amount(amount="0.59")).data, book)
    with pytest.raises(Overcharged):
        bill_reservation(ended().data, parse(BOOK))


@given(st.integers(0, 10**5), st.integers(0, 10**5), st.integers(0, 10**5))
def test_a_bill_is_the_sum_of_its_lines_and_at_most_the_hold(used: int, idle: int, unavailable: int) -> None:
    hold = Decimal(used + idle + unavailable) * Decimal("0.002")
    bill = bill_reservation(ended(used_s=used, idle_s=idle, hold=Amount(amount=f"{hold:f}")).data, parse(PRICED))
    assert bill is not None
    amount = Decimal(bill.charge.amount)
    assert amount == sum((Decimal(it.amount) for it in bill.charge.lines), Decimal(0))
    assert hold - amount == Decimal(unavailable) * Decimal("0.002")
