"""The time of a hybrid job is billed once, by the price of its acceptance."""

from __future__ import annotations

import pytest

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.hybrid import HybridCompleted, HybridCompletion, HybridMetered, HybridTerms, HybridUsage
from queuebit_contracts.wire import Amount
from queuebit_metering.errors import Overcharged, PriceLost
from queuebit_metering.hybrids import MeterHybridJobs, bill_time
from queuebit_pricing import PriceBook, parse
from queuebit_testing.memory import MemoryLog

from .conftest import BOOK, DIGEST, THEN

PRICED = (
    BOOK
    + """
[[price]]
id = "hybrid-1"
backend = "hybrid"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_second = { amount = "0.01" }
"""
)


@pytest.fixture
def book() -> PriceBook:
    return parse(PRICED)


def ended(seconds: float = 30, *, price: str = "hybrid-1", hold: str = "1") -> HybridCompleted:
    terms = HybridTerms(project="main", price=price, price_book=DIGEST, hold=Amount(amount=hold), max_time_s=100)
    usage = HybridUsage(time_us=round(seconds * 1_000_000))
    data = HybridCompletion(tenant="acme", hybrid="h1", attempt=1, usage=usage, terms=terms, submitted_at=THEN)
    return HybridCompleted(source="qb/hybrid", data=data)


async def test_it_is_metered_and_settled_once_whatever_is_delivered_again(book: PriceBook) -> None:
    log = MemoryLog()
    for _ in range(2):
        await MeterHybridJobs(log, book)(ended())
    (metered,), (settled,) = log.events(HybridMetered), log.events(AccountSettled)
    (line,) = metered.data.charge.lines
    assert (line.component, line.billed, line.amount) == ("classical_second", "30", "0.3")
    assert (settled.data.job, settled.data.settled.amount, settled.data.released.amount) == ("h1", "0.30", "0.70")


async def test_after_a_crash_between_the_two_the_next_delivery_settles(book: PriceBook) -> None:
    log = MemoryLog()
    await MeterHybridJobs(log, book)(ended())
    del log.stored[1]
    await MeterHybridJobs(log, book)(ended())
    (settled,) = log.events(AccountSettled)
    assert settled.data.settled.amount == "0.30"


def test_time_above_the_limit_is_not_charged(book: PriceBook) -> None:
    assert bill_time(ended(500), book).charge.amount == "1.00"


def test_a_price_that_is_lost_or_altered_is_not_guessed(book: PriceBook) -> None:
    with pytest.raises(PriceLost):
        bill_time(ended(price="gone-1"), book)
    with pytest.raises(Overcharged):
        bill_time(ended(hold="0.29"), book)
