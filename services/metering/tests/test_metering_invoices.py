"""Invoices: a period once and in order, only what balances, and no credit above what is owed."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from queuebit_billing import Bounds, Document, Earlier, Usage, build, pack, read
from queuebit_billing.queries import UsageSum
from queuebit_contracts.invoice import CreditOrder, InvoiceAnswer, InvoiceIssued, InvoiceRequest, IssueOrder
from queuebit_contracts.wire import Amount
from queuebit_kernel import FixedClock, Malformed, Stale
from queuebit_metering.invoices import KeepInvoices
from queuebit_pricing import parse
from queuebit_runtime.log import Guarded
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog, MemoryPayloads

from .conftest import BOOK

PRICES = parse(BOOK)
DECEMBER = {"period": "2026-12", "start": date(2026, 12, 1), "end": date(2027, 1, 1), "number": "acme-2026-12"}
OCTOBER = Earlier("2026-10", date(2026, 11, 1), 1)


def document(
    period: str = "2026-10",
    *,
    cut: int = 1,
    earlier: tuple[Earlier, ...] = (),
    amount: str = "12.5",
) -> Document:
    usage = UsageSum(
        origin=len(earlier),
        project="main",
        price="aer-1",
        component="shot",
        unit="Shots",
        currency="USD",
        unit_price=Decimal("0.5"),
        quantity=Decimal(amount) * 2,
        amount=Decimal(amount),
        facts=2,
        events="sha256:" + "a" * 64,
    )
    return build(Bounds("acme", period, cut, earlier), Usage([usage], 2), [], PRICES.digest)


class Desk:
    """Metering's door, over a log with two messages."""

    def __init__(self) -> None:
        self.log, self.payloads = MemoryLog(), MemoryPayloads()
        self.keep = KeepInvoices(self.log, self.payloads, PRICES, FixedClock(datetime(2026, 12, 1, tzinfo=UTC)))

    async def opened(self) -> Desk:
        for job in ("j1", "j2"):
            await self.log.append(submitted(job=job))
        return self

    async def issue(self, it: Document) -> InvoiceAnswer:
        return await self.keep(InvoiceRequest(issue=IssueOrder(document=pack(it.to_bytes())), by="olivia"))

    async def credit(self, amount: str, revision: int = 1, number: str = "acme-2026-10", currency: str = "USD") -> InvoiceAnswer:  # fmt: skip  # noqa: E501
        order = CreditOrder(
            number=number, amount=Amount(amount=amount, currency=currency), reason="r", revision=revision
        )
        return await self.keep(InvoiceRequest(credit=order, by="olivia"))


@pytest.fixture
async def desk() -> Desk:
    return await Desk().opened()


def codes(answer: InvoiceAnswer) -> list[str]:
    return [it.code for it in answer.errors]


async def test_an_invoice_is_stored_with_its_document_and_a_repeat_has_the_same_answer(desk: Desk) -> None:
    first = await desk.issue(document())
    again = await desk.issue(document())
    assert first.invoice is not None
    assert again.invoice == first.invoice
    assert (first.sequence, again.sequence) == (3, 0)
    assert first.invoice.totals == (Amount(amount="12.50"),)
    stored = await desk.payloads.get("acme", first.invoice.document)
    assert read(stored) == document()
    assert first.invoice.cut_at is not None


async def test_a_period_is_invoiced_once(desk: Desk) -> None:
    await desk.issue(document())
    other = await desk.issue(document(amount="13"))
    assert codes(other) == ["period_closed"]
    assert "next invoice" in other.errors[0].text


async def test_periods_follow_each_other_without_a_gap_or_an_overlap(desk: Desk) -> None:
    await desk.issue(document())
    gap = document("2026-11-05_2026-12-01", cut=2, earlier=(OCTOBER,))
    overlap = document("2026-10-31_2026-12-01", cut=2, earlier=(OCTOBER,))
    unknown = document("2026-11", cut=2)
    moved = document("2026-11", cut=2, earlier=(Earlier("2026-10", date(2026, 11, 1), 0),))
    assert codes(await desk.issue(gap)) == ["not_next"]
    assert "run --period 2026-11-01_2026-11-05 first" in (await desk.issue(gap)).errors[0].text
    assert "unbalanced" in codes(await desk.issue(overlap))
    assert codes(await desk.issue(unknown)) == ["not_next"]
    assert codes(await desk.issue(moved)) == ["not_next"]
    follows = await desk.issue(document("2026-11", cut=2, earlier=(OCTOBER,)))
    assert follows.invoice is not None
    assert follows.invoice.serial == 2


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (DECEMBER, "period_open"),
        ({"cut": 9}, "beyond_log"),
        ({"price_book": "sha256:" + "b" * 64}, "other_book"),
        ({"number": "acme-2026-11"}, "unbalanced"),
        ({"totals": ()}, "unbalanced"),
        ({"end": date(2026, 11, 2)}, "unbalanced"),
        ({"serial": 2}, "unbalanced"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_an_invoice_is_refused(desk: Desk, wrong: dict[str, object], code: str) -> None:
    changed = document().model_copy(update=wrong)
    if "period" in wrong:
        changed = changed.model_copy(
            update={"lines": tuple(it.model_copy(update={"period": "2026-12"}) for it in changed.lines)}
        )
    assert code in codes(await desk.issue(changed))
    assert len(desk.log.stored) == 2


@pytest.mark.parametrize("field", ["amount", "quantity", "unit_price"])
async def test_a_line_that_does_not_multiply_is_refused(desk: Desk, field: str) -> None:
    good = document()
    line = good.lines[0].model_copy(update={field: "12.500001"})
    assert "unbalanced" in codes(await desk.issue(good.model_copy(update={"lines": (line,)})))


@pytest.mark.parametrize(
    "text",
    ["", "%%%", base64.b64encode(b"no").decode(), pack(b"{}"), pack(b" " + document().to_bytes()),
     base64.b64encode(zlib.compress(b" " * (17 << 20))).decode(), pack(document().to_bytes())[:-12]],
)  # fmt: skip
async def test_what_is_no_document_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(Malformed, match="not "):
        await desk.keep(InvoiceRequest(issue=IssueOrder(document=text), by="olivia"))


async def test_of_two_periods_at_once_one_is_refused(desk: Desk) -> None:
    """The invoice that the other one would follow was stored between reading and appending."""
    late = document("2026-10", cut=2, amount="14")

    class Raced(MemoryLog):
        raced = False

        async def append_all(self, facts: Sequence[Guarded]) -> int:
            if not self.raced and isinstance(facts[0].event, InvoiceIssued):
                self.raced = True
                await desk.issue(document())
                raise Stale("another one came first")
            return await super().append_all(facts)

    raced = Raced()
    raced.stored = desk.log.stored
    keep = KeepInvoices(raced, desk.payloads, PRICES, FixedClock(datetime(2026, 12, 1, tzinfo=UTC)))
    answer = await keep(InvoiceRequest(issue=IssueOrder(document=pack(late.to_bytes())), by="olivia"))
    assert codes(answer) == ["period_closed"]


async def test_credits_are_numbered_and_never_above_what_is_left(desk: Desk) -> None:
    await desk.issue(document())
    assert codes(await desk.credit("12.500001")) == ["credit_too_large"]
    assert codes(await desk.credit("0")) == ["credit_too_large"]
    assert codes(await desk.credit("-1")) == ["credit_too_large"]
    assert codes(await desk.credit("1", currency="EUR")) == ["credit_too_large"]
    first = await desk.credit("12")
    assert first.credit is not None
    assert (first.credit.number, first.credit.left) == ("acme-2026-10-c1", Amount(amount="0.50"))
    repeated = await desk.credit("12")
    assert (repeated.credit, repeated.sequence) == (first.credit, 0)
    assert codes(await desk.credit("0.5")) == ["credited_meanwhile"]
    assert codes(await desk.credit("0.51", 2)) == ["credit_too_large"]
    rest = await desk.credit("0.5", 2)
    assert rest.credit is not None
    assert rest.credit.left.money.amount == 0


@pytest.mark.parametrize("number", ["acme-2026-09", "acme", "a.b-2026-10", ">-2026-10", "acme-2026-10-c1"])
async def test_only_an_invoice_can_be_credited(desk: Desk, number: str) -> None:
    await desk.issue(document())
    assert codes(await desk.credit("1", number=number)) == ["no_invoice"]


async def test_a_request_asks_for_one_thing(desk: Desk) -> None:
    assert codes(await desk.keep(InvoiceRequest(by="olivia"))) == ["malformed"]


@pytest.mark.parametrize(
    ("quantity", "unit_price"),
    [("9" * 40, "1"), ("9" * 40, f"{'9' * 40}.{'9' * 40}"), (f"1.{'1' * 40}", f"1.{'1' * 40}")],
)
async def test_numbers_that_no_amount_can_have_are_refused(desk: Desk, quantity: str, unit_price: str) -> None:
    it = document()
    line = it.lines[0].model_copy(update={"quantity": quantity, "unit_price": unit_price, "amount": quantity})
    answer = await desk.issue(it.model_copy(update={"lines": (line,)}))
    assert set(codes(answer)) == {"unbalanced"}


async def test_a_month_has_one_name(desk: Desk) -> None:
    """By another name it would have other lines of agreements than its own."""
    answer = await desk.issue(document("2026-10-01_2026-11-01"))
    assert codes(answer) == ["unbalanced"]
    assert "the name 2026-10" in answer.errors[0].text
