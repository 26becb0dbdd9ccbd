"""I2 for invoices: what was issued follows from the log, and each credit from what was left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from queuebit_audit.invoices import invoice_faults
from queuebit_audit.tenant_usage import TenantUsage
from queuebit_billing import Bounds, Document, Earlier, agreement_lines, build
from queuebit_contracts.billing import Charge, ChargeLine
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.invoice import DOCUMENT_TYPE, Invoice, InvoiceCredit, InvoiceCredited, InvoiceIssued
from queuebit_contracts.job import Correction, JobCorrected, JobMetered, Metering, Usage
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Amount, Payload
from queuebit_kernel import digest
from queuebit_pricing import PriceBook, parse

START = datetime(2026, 10, 1, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
BOOK = """
version = "2026-10-01"
currency = "USD"
[[price]]
id = "p1"
backend = "b1"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_shot = "0.5"
[[agreement]]
id = "volume"
tenant = "acme"
valid_from = 2026-01-01
source = "test"
as_of = 2026-01-01
confidence = "high"
discount = [{ prices = "*", percent = "10" }]
"""
Facts = list[InvoiceIssued | InvoiceCredited]


def bill(job: str, day: int, shots: int, revision: int = 0) -> AnyEvent:
    amount = f"{Decimal(shots) / 2:f}"
    line = {"price": "p1", "component": "shot", "unit": "Shots", "consumed": str(shots), "billed": str(shots)}
    lines = (ChargeLine(**line, unit_price="0.5", amount=amount),)
    charge = Charge(amount=amount, currency="USD", jbu="0", lines=lines)
    at = START + timedelta(days=day)
    whose: dict[str, Any] = {"tenant": "acme", "project": "main", "job": job, "usage": Usage(), "charge": charge}
    said: dict[str, Any] = {"source": "qb/metering", "time": at}
    if revision:
        delta = Charge(amount="0", currency="USD", jbu="0")
        changed = {"revision": revision, "report": 1, "delta": delta, "reason": "r", "final": True}
        return JobCorrected(**said, data=Correction(**whose, **changed, price_book=DIGEST))
    metering = Metering(**whose, state="completed", price_book=DIGEST, submitted_at=at, ended_at=at)
    return JobMetered(**said, data=metering)


class Books:
    """Two invoices of acme, over jobs of which one is corrected later."""

    def __init__(self) -> None:
        self.book: PriceBook = parse(BOOK)
        self.usage = TenantUsage()
        self.other_terms: list[str] = []
        events = [bill("j1", 3, 10), bill("j2", 40, 6), bill("j3", 5, 4), bill("j1", 41, 8, revision=1)]
        for sequence, event in enumerate(events, start=1):
            self.usage.add(subject_of(event), event.to_bytes(), sequence, START + timedelta(days=45))
        self.documents: dict[str, bytes | str] = {}
        self.facts: Facts = []
        first = self.issue(Bounds("acme", "2026-10", 2), [])
        bounds = Bounds("acme", "2026-11", 4, (Earlier("2026-10", date(2026, 11, 1), 2),))
        self.issue(bounds, [first])

    def issue(self, bounds: Bounds, before: list[Document]) -> Document:
        found = self.usage.within(bounds)
        agreed = agreement_lines(bounds, found, self.book, lambda since: self.usage.daily(bounds, since), before)
        document = build(bounds, found, agreed, self.book.digest)
        self.append(document)
        return document

    def append(self, document: Document) -> None:
        content = document.to_bytes()
        self.documents[document.number] = content
        data = Invoice(
            tenant=document.tenant,
            period=document.period,
            number=document.number,
            serial=document.serial,
            start=document.start,
            end=document.end,
            cut=document.cut,
            totals=tuple(Amount(amount=it.total, currency=it.currency) for it in document.totals),
            facts=document.facts,
            document=Payload(digest=digest(content), size=len(content), media_type=DOCUMENT_TYPE),
            by="olivia",
        )
        self.facts.append(InvoiceIssued(source="qb/metering", data=data))

    def credit(self, amount: str, left: str, revision: int = 1) -> None:
        data = InvoiceCredit(
            tenant="acme",
            period="2026-10",
            number=f"acme-2026-10-c{revision}",
            invoice="acme-2026-10",
            revision=revision,
            amount=Amount(amount=amount),
            left=Amount(amount=left),
            reason="r",
            by="olivia",
        )
        self.facts.append(InvoiceCredited(source="qb/metering", data=data))

    def change(self, **fields: object) -> None:
        """Replace the document of the second invoice."""
        content = self.documents["acme-2026-11"]
        assert isinstance(content, bytes)
        changed = Document.model_validate_json(content).model_copy(update=fields)
        self.documents["acme-2026-11"] = changed.to_bytes()

    def faults(self) -> list[tuple[str, str]]:
        return list(invoice_faults(self.facts, self.documents, self.usage, self.book, self.other_terms))


def test_good_invoices_have_no_fault_and_late_usage_is_a_correction() -> None:
    books = Books()
    books.credit("4", "0.50")
    assert books.faults() == []
    first, second = (Document.model_validate_json(it) for it in books.documents.values())
    assert [(it.quantity, it.correction) for it in first.lines] == [("10", False)]
    assert [it.total for it in first.totals] == ["4.5"]
    found = {(it.period, it.correction): (it.quantity, it.facts) for it in second.lines}
    assert found == {("2026-11", False): ("6", 1), ("2026-10", True): ("2", 2)}
    assert {(it.period, it.quantity, it.amount) for it in second.agreed} == {
        ("2026-11", "6", "-0.3"),
        ("2026-10", "2", "-0.1"),
    }


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (lambda it: it.change(lines=()), "the log gives, and it does not have"),
        (lambda it: it.change(agreed=()), "of its agreed the log gives"),
        (lambda it: it.change(facts=7), "its facts is 7, and by the log 3"),
        (lambda it: it.change(cut=3), "its cut is 3"),
        (lambda it: it.change(totals=()), "other totals than its document"),
        (lambda it: it.documents.update({"acme-2026-11": b"{}"}), "not an invoice"),
        (lambda it: it.documents.update({"acme-2026-11": "its document is lost"}), "its document is lost"),
        (lambda it: it.usage.changes.pop(1), "it has, and the log does not give"),
        (lambda it: it.facts.pop(0), "does not follow the invoice before"),
        (lambda it: it.credit("4.51", "0"), "more than was left"),
        (lambda it: it.credit("-1", "5.5"), "more than was left"),
        (lambda it: it.credit("1", "3.5", 2), "is not the next one"),
        (lambda it: it.credit("1", "3"), "says that 3.00 USD is left, and 3.5 is"),
    ],
)
def test_what_does_not_follow_from_the_log_is_found(broken: Callable[[Books], object], what: str) -> None:
    books = Books()
    broken(books)
    assert any(what in text for _, text in books.faults()), books.faults()


def test_a_change_of_agreements_is_no_fault_of_invoices_before_it() -> None:
    books = Books()
    books.book = parse(BOOK.replace('"10"', '"20"'))
    assert books.faults() == []
    assert books.other_terms == ["acme-2026-10", "acme-2026-11"]
    books.book = parse(BOOK.replace("2026-10-01", "2026-12-01"))
    books.other_terms.clear()
    assert books.faults() == []
    assert books.other_terms == [], "another book with the same agreements proves them"


@pytest.mark.parametrize("field", ["lines", "agreed"])
def test_with_other_agreements_lines_must_still_follow_and_balance(field: str) -> None:
    books = Books()
    books.book = parse(BOOK.replace('"10"', '"20"'))
    books.change(**{field: ()})
    assert books.faults()
