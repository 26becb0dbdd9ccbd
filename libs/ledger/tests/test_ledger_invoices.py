"""What invoices and their credits book."""

from __future__ import annotations

from datetime import date

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.invoice import Invoice, InvoiceCredit, InvoiceCredited, InvoiceIssued
from queuebit_contracts.wire import Amount, Payload
from queuebit_ledger import Book, Ledger, Unbalanced

DOCUMENT = Payload(digest=f"sha256:{'0' * 64}", size=2, media_type="application/json")


def issued(*totals: Amount, period: str = "2026-10") -> InvoiceIssued:
    data = Invoice(
        tenant="acme", period=period, number=f"acme-{period}", serial=1, start=date(2026, 10, 1), end=date(2026, 11, 1),
        cut=9, totals=totals, facts=3, document=DOCUMENT, by="ann",
    )  # fmt: skip
    return InvoiceIssued(source="t", data=data)


def credited(amount: str, left: str, revision: int = 1) -> InvoiceCredited:
    data = InvoiceCredit(
        tenant="acme", period="2026-10", number=f"acme-2026-10-c{revision}", invoice="acme-2026-10", revision=revision,
        amount=Amount(amount=amount), left=Amount(amount=left), reason="late", by="ann",
    )  # fmt: skip
    return InvoiceCredited(source="t", data=data)


def held(ledger: Ledger, currency: str = "USD") -> dict[str, str]:
    names = ("invoiced", "credited", "owed")
    return {it: ledger.balance(Book("acme", "", it), currency).text() for it in names}


def test_an_invoice_is_owed_until_it_is_credited() -> None:
    ledger = Ledger()
    first = ledger.take(issued(Amount(amount="7.25"), Amount(amount="3", currency="EUR")), 1)
    assert first is not None
    assert (first.id, first.name, first.job) == ("qb.invoice.acme.2026-10.issued@1", "issued", "acme-2026-10")
    ledger.take(credited("0.25", "7"), 2)
    ledger.take(credited("2", "5", 2), 3)
    assert held(ledger) == {"invoiced": "-7.25", "credited": "2.25", "owed": "5.00"}
    assert held(ledger, "EUR") == {"invoiced": "-3.00", "credited": "0.00", "owed": "3.00"}


def test_a_negative_invoice_is_owed_to_the_tenant() -> None:
    ledger = Ledger()
    ledger.take(issued(Amount(amount="-1.5")), 1)
    assert held(ledger) == {"invoiced": "1.50", "credited": "0.00", "owed": "-1.50"}


def test_nothing_is_booked_twice() -> None:
    ledger = Ledger()
    facts: list[AnyEvent] = [issued(Amount(amount="7")), credited("1", "6")]
    for sequence, event in enumerate([*facts, *facts], 1):
        ledger.take(event, sequence)
    assert held(ledger) == {"invoiced": "-7.00", "credited": "1.00", "owed": "6.00"}
    kept = ledger.copy()
    ledger.take(credited("6", "0", 2), 9)
    assert held(kept)["owed"] == "6.00"


def test_a_credit_without_its_invoice_books_nothing() -> None:
    ledger = Ledger()
    with pytest.raises(Unbalanced, match="was not issued: acme-2026-10"):
        ledger.take(credited("1", "0"), 1)
    assert not ledger.balances
