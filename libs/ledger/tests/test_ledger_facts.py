"""What each fact of an account books."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Adjustment,
    Funding,
    Hold,
    Release,
    Settlement,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.session import budget_of
from queuebit_contracts.wire import Amount
from queuebit_ledger import BOOKS, Book, Ledger, Unbalanced

PLACE = {"tenant": "acme", "account": "main"}


def usd(text: str) -> Amount:
    return Amount(amount=text)


def funded(amount: str) -> AccountFunded:
    return AccountFunded(source="t", data=Funding(**PLACE, amount=usd(amount)))


def held(job: str, amount: str, budgets: Sequence[str] = (), purpose: str | None = None) -> AccountHeld:
    data = Hold(**PLACE, job=job, amount=usd(amount), budgets=tuple(budgets) or None, purpose=purpose)
    return AccountHeld(source="t", data=data)


def settled(job: str, hold: str, charge: str, back: str) -> AccountSettled:
    data = Settlement(**PLACE, job=job, held=usd(hold), settled=usd(charge), released=usd(back))
    return AccountSettled(source="t", data=data)


def released(job: str, amount: str) -> AccountReleased:
    return AccountReleased(source="t", data=Release(**PLACE, job=job, amount=usd(amount)))


def corrected(job: str, delta: str, revision: int) -> AccountCorrected:
    data = Adjustment(**PLACE, job=job, revision=revision, delta=usd(delta), reason="late")
    return AccountCorrected(source="t", data=data)


def folded(*events: AnyEvent) -> Ledger:
    ledger = Ledger()
    for sequence, event in enumerate(events, 1):
        ledger.take(event, sequence)
    return ledger


def books(ledger: Ledger) -> dict[str, str]:
    amounts = {it: ledger.balance(Book("acme", "main", it), "USD") for it in BOOKS}
    assert sum(it.amount for it in amounts.values()) == 0
    return {name: it.text() for name, it in amounts.items() if it.amount}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], {"funding": "-100.00", "available": "100.00"}),
        ([held("j", "3")], {"funding": "-100.00", "available": "97.00", "held": "3.00"}),
        (
            [held("j", "3"), settled("j", "3", "2", "1")],
            {"funding": "-100.00", "available": "98.00", "charged": "2.00"},
        ),
        ([held("j", "3"), released("j", "3")], {"funding": "-100.00", "available": "100.00"}),
        (
            [held("j", "3"), settled("j", "3", "2", "1"), corrected("j", "3", 1)],
            {"funding": "-100.00", "available": "95.00", "charged": "5.00"},
        ),
        ([funded("-30")], {"funding": "-70.00", "available": "70.00"}),
    ],
)
def test_a_fact_moves_money_between_books(events: list[AnyEvent], expected: dict[str, str]) -> None:
    assert books(folded(funded("100"), *events)) == expected


def test_the_cap_of_a_session_keeps_what_its_jobs_do_not_use() -> None:
    ledger = folded(funded("100"), held("s1", "10", purpose="session"), held("j", "4", [budget_of("s1")]))
    assert books(ledger) == {"funding": "-100.00", "available": "90.00", "reserved": "6.00", "held": "4.00"}
    ledger.take(settled("j", "4", "1", "3"), 4)
    assert books(ledger) == {"funding": "-100.00", "available": "90.00", "reserved": "9.00", "charged": "1.00"}
    ledger.take(released("s1", "9"), 5)
    assert books(ledger) == {"funding": "-100.00", "available": "99.00", "charged": "1.00"}


def test_a_correction_takes_back_the_old_charge_and_both_lines_name_what_they_correct() -> None:
    ledger = folded(funded("100"), held("j", "3"), settled("j", "3", "2", "1"))
    first = ledger.take(corrected("j", "1.5", 1), 4)
    second = ledger.take(corrected("j", "-3.5", 2), 5)
    assert first is not None
    assert second is not None
    assert [(it.book.name, it.amount.text(), it.corrects) for it in first.postings if it.book.name == "charged"] == [
        ("charged", "-2.00", "qb.account.acme.main.settled.j"),
        ("charged", "3.50", "qb.account.acme.main.settled.j"),
    ]
    assert [it.corrects for it in second.postings] == ["qb.account.acme.main.corrected.j-1"] * 2
    assert second.id == "qb.account.acme.main.corrected.j-2@5"
    assert books(ledger) == {"funding": "-100.00", "available": "100.00"}


def test_a_fact_that_contradicts_itself_books_nothing() -> None:
    ledger = folded(funded("100"), held("j", "3"))
    before = dict(ledger.balances)
    with pytest.raises(Unbalanced, match=r"held@|settled\.j@3"):
        ledger.take(settled("j", "3", "2", "2"), 3)
    assert ledger.balances == before
    assert ledger.take(settled("j", "3", "2", "1"), 4) is not None


def test_no_fact_is_booked_twice() -> None:
    ledger = folded(funded("100"), held("j", "3"), settled("j", "3", "2", "1"), corrected("j", "1", 1))
    before = dict(ledger.balances)
    again: list[AnyEvent] = [held("j", "3"), settled("j", "3", "2", "1"), released("j", "3"), corrected("j", "1", 1)]
    assert [ledger.take(it, sequence) for sequence, it in enumerate(again, 5)] == [None] * 4
    assert ledger.take(funded("100"), 1) is None
    assert ledger.balances == before


def test_currencies_are_booked_apart() -> None:
    euros = AccountFunded(source="t", data=Funding(**PLACE, amount=Amount(amount="7", currency="EUR")))
    ledger = folded(funded("100"), euros)
    assert [(key, it["available"].amount) for key, it in ledger.trial()] == [
        (("acme", "main", "EUR"), Decimal(7)),
        (("acme", "main", "USD"), Decimal(100)),
    ]
