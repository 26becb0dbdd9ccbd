"""The naive way to rate jobs agrees with metering, whatever happened to a job; and finds what does not follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.billing.book import book_text
from tests.billing.histories import Histories, History

from queuebit_contracts.account import AccountCorrected, AccountSettled
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import HybridMetered
from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_contracts.reservation import ReservationEnded
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_metering.hybrids import bill_time, settle_time
from queuebit_metering.policy import adjustments, bill, correct, settle
from queuebit_metering.reservations import MeterReservation
from queuebit_metering.state import evolve, job_of
from queuebit_pricing import PriceBook, parse
from queuebit_testing.build import NOON
from queuebit_testing.memory import MemoryLog
from queuebit_testing.naive_bills import NaiveBills
from queuebit_testing.naive_invoices import Message

SEEDS = st.integers(0, 2**32)


@cache
def book() -> PriceBook:
    return parse(book_text())


def billed(history: History) -> Iterator[AnyEvent]:
    """The events of a job with those that metering adds, in the order in which it would."""
    events = [it.event for it in history.facts]
    yield from events
    end: Any = events[-1]
    if end.type.startswith("qb.hybrid."):
        time = HybridMetered(source="qb/metering", data=bill_time(end, book()))
        yield time
        yield AccountSettled(source="qb/metering", data=settle_time(time.data))
        return
    if isinstance(end, ReservationEnded):
        log = MemoryLog()
        asyncio.run(MeterReservation(log, book())(end))
        yield from (it.event for it in log.stored if not isinstance(it.event, UnknownEvent))
        return
    job = job_of([it for it in events if it.type.startswith("qb.job.")])
    metered = JobMetered(source="qb/metering", data=bill(job, end, book()))
    yield metered
    job, settled, adjusted = evolve(job, metered), None, set[int]()
    for fact in (None, *history.late):
        if fact is not None:
            yield fact.event
            job = evolve(job, fact.event)
            if correction := correct(job, book()):
                event = JobCorrected(source="qb/metering", data=correction)
                yield event
                job = evolve(job, event)
        if settled is None and (settled := settle(job)) is not None:
            yield AccountSettled(source="qb/metering", data=settled)
        for it in adjustments(job, settled) if settled else ():
            if it.revision not in adjusted:
                adjusted.add(it.revision)
                yield AccountCorrected(source="qb/metering", data=it)


def messages_of(seed: int, jobs: int) -> list[Message]:
    histories = Histories(seed, book(), (NOON, NOON + timedelta(days=1)), hybrids=0.2)
    timed = ("qb.hybrid.", "qb.reservation.")
    made = [it for it in histories.make(jobs) if it.is_job or it.facts[-1].event.type.startswith(timed)]
    events = [event for history in made for event in billed(history)]
    return [Message(at, NOON, subject_of(it), it.to_bytes()) for at, it in enumerate(events, start=1)]


def naive(messages: list[Message]) -> NaiveBills:
    found = NaiveBills(book_text())
    for it in messages:
        found.take(it)
    return found


def lines(message: Message) -> dict[tuple[str, ...], tuple[Decimal, Decimal, Decimal]]:
    """The lines of a bill that cost anything, or bill any quantity."""
    charge = json.loads(message.body)["data"]["charge"]
    found = {
        (it["price"], it["component"], it["unit"]): (
            *(Decimal(it["billed"]), Decimal(it["unit_price"]), Decimal(it["amount"])),
        )
        for it in charge["lines"]
    }
    return {key: it for key, it in found.items() if it[0]}


def is_bill(message: Message) -> bool:
    return ".metered" in message.subject or (message.subject.startswith("qb.job.") and ".corrected" in message.subject)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_each_line_of_each_bill_and_each_account_is_that_of_metering(seed: int) -> None:
    messages = messages_of(seed, 12)
    rated = naive(messages)
    bills = [it for it in messages if is_bill(it)]
    assert [lines(it) for it in rated.bills()] == [lines(it) for it in bills]
    assert [*rated.faults()] == []


def test_a_hybrid_job_without_its_bill_or_with_a_wrong_one_is_found() -> None:
    messages = messages_of(2, 60)
    metered = next(it for it in messages if it.subject.startswith("qb.hybrid.") and ".metered" in it.subject)
    hybrid = metered.subject.split(".")[3]
    assert any(
        f"{hybrid}: its time was never billed" in it
        for it in naive([it for it in messages if it is not metered]).faults()
    )
    document = json.loads(metered.body)
    document["data"]["charge"]["amount"] = "12345.67"
    wrong = replace(metered, body=json.dumps(document).encode())
    assert any(hybrid in it for it in naive([wrong if it is metered else it for it in messages]).faults())


def test_a_reservation_without_its_bill_or_with_a_wrong_one_is_found() -> None:
    messages = messages_of(2, 120)
    metered = next(it for it in messages if it.subject.startswith("qb.reservation.") and ".metered" in it.subject)
    slot = metered.subject.split(".")[3]
    without = naive([it for it in messages if it is not metered])
    assert any(f"{slot}: its slot was never billed" in it for it in without.faults())
    document = json.loads(metered.body)
    document["data"]["charge"]["amount"] = "12345.67"
    wrong = replace(metered, body=json.dumps(document).encode())
    assert any(slot in it for it in naive([wrong if it is metered else it for it in messages]).faults())


def test_a_missing_correction_and_a_charge_that_is_a_millionth_too_high_are_found() -> None:
    messages = messages_of(1, 60)
    corrected = next(
        it
        for it in messages
        if is_bill(it)
        and ".corrected" in it.subject
        and Decimal(json.loads(it.body)["data"]["delta"]["amount"])
        and not any(later.subject.startswith(it.subject.rpartition(".")[0]) for later in messages[it.sequence :])
    )
    job = corrected.subject.split(".")[3]
    assert any(job in it for it in naive([it for it in messages if it is not corrected]).faults())
    document = json.loads(corrected.body)
    charge = document["data"]["charge"]
    charge["amount"] = f"{Decimal(charge['amount']) + Decimal('0.000001'):f}"
    wrong = replace(corrected, body=json.dumps(document).encode())
    assert any(job in it for it in naive([wrong if it is corrected else it for it in messages]).faults())
