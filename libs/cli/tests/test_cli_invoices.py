"""`qb invoice`: the page for people, tables, and amounts that are none."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from queuebit_billing import AgreementLine, Bounds, Document, Earlier, Heading, Party, Usage, build
from queuebit_billing.page import as_pdf, digits
from queuebit_billing.pdf_fonts import marked_up
from queuebit_billing.queries import UsageSum
from queuebit_cli.output import Output
from queuebit_cli.render_invoices import document_lines
from queuebit_contracts.invoice import DOCUMENT_TYPE, Invoice, InvoiceCredit
from queuebit_contracts.wire import Amount, Payload
from queuebit_kernel import digest
from queuebit_stack import invoices as stack_invoices
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.invoices import amount_of, prepare
from queuebit_stack.stack import Stack

DIGEST = "sha256:" + "a" * 64
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def document(lines: int = 60, currencies: int = 2) -> Document:
    sums = [
        UsageSum(
            origin=number % 2,
            project=f"project-{number}",
            price="p1",
            component="qubit_second",
            unit="Qubit-Seconds",
            currency="USD" if number % 3 or currencies == 1 else "EUR",
            unit_price=Decimal("0.25"),
            quantity=Decimal(number + 1),
            amount=Decimal(number + 1) / 4,
            facts=3,
            events=DIGEST,
        )
        for number in range(lines)
    ]
    reduced = AgreementLine(
        period="2026-11",
        agreement="volume",
        kind="discount",
        project="project-1",
        price="p1",
        component="shot",
        currency="USD",
        quantity="8",
        unit_price="-0.5",
        amount="-4",
    )
    heading = Heading(
        Party(name="Müller & <Söhne>", address=("Straße 1",)), Party(name="株式会社"), "30 days & no more"
    )
    bounds = Bounds("acme", "2026-11", 9, (Earlier("2026-10", date(2026, 11, 1), 4),))
    return build(bounds, Usage(sums, 180), [reduced] if lines else [], DIGEST, heading)


def fact(it: Document) -> Invoice:
    content = it.to_bytes()
    return Invoice(
        tenant=it.tenant,
        period=it.period,
        number=it.number,
        serial=it.serial,
        start=it.start,
        end=it.end,
        cut=it.cut,
        cut_at=NOON,
        totals=tuple(Amount(amount=total.total, currency=total.currency) for total in it.totals),
        facts=it.facts,
        document=Payload(digest=digest(content), size=len(content), media_type=DOCUMENT_TYPE),
        by="olivia",
    )


@pytest.mark.parametrize(("lines", "pages"), [(0, 1), (60, 3)])
def test_the_same_invoice_is_the_same_pdf(lines: int, pages: int) -> None:
    it = document(lines)
    given = InvoiceCredit(
        tenant="acme",
        period="2026-11",
        number="acme-2026-11-c1",
        invoice="acme-2026-11",
        revision=1,
        amount=Amount(amount="1"),
        left=Amount(amount="2"),
        reason="<b>out of service</b>",
        by="olivia",
    )
    page = as_pdf(it, fact(it), NOON, [given] if lines else [])
    assert page == as_pdf(it, fact(it), NOON, [given] if lines else [])
    assert page.startswith(b"%PDF-")
    assert page.count(b"/Type /Page\n") == pages


@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("株式会社カンパニー", "HeiseiKakuGo-W5"),
        ("주식회사", "HYGothic-Medium"),
        ("量子计算有限公司", "STSong-Light"),
    ],
)
def test_east_asian_names_are_written_with_fonts_of_their_own(text: str, font: str) -> None:
    assert marked_up(f"A & {text}, ש") == f'A &amp; <font name="{font}">{text}</font>, ?'
    it = document(1).model_copy(update={"buyer": Party(name=text)})
    page = as_pdf(it, fact(it), NOON)
    assert f"/{font}".encode() in page
    assert page == as_pdf(it, fact(it), NOON)


@given(number=st.decimals("-1000000000", "1000000000", places=12))
def test_digits_for_people_are_the_number(number: Decimal) -> None:
    assert Decimal(digits(f"{number:f}").replace(",", "")) == number


@pytest.mark.parametrize(
    ("number", "text"), [("0", "0.00"), ("1234567.5", "1,234,567.50"), ("-3.625", "-3.625"), ("0.000145", "0.000145")]
)
def test_digits_have_groups_and_two_places(number: str, text: str) -> None:
    assert digits(number) == text


@pytest.mark.parametrize(
    "text",
    ["Ελληνική Κβαντική Εταιρεία", "Квантовые вычисления, Київ", "Łódź Żółw, Çiğdem Şirketi", "Nguyễn Đức"],
)
def test_a_program_that_reads_pdf_finds_greek_cyrillic_and_other_latin_names(text: str) -> None:
    it = document(1).model_copy(update={"buyer": Party(name=text), "terms": f"Terms of {text}"})
    page = as_pdf(it, fact(it), NOON)
    found = PdfReader(io.BytesIO(page)).pages[0].extract_text()
    assert text in found
    assert f"Terms of {text}" in found
    assert page == as_pdf(it, fact(it), NOON)
    assert len(page) < 60_000, "only the letters that are used are embedded"


def test_a_table_has_every_line_and_the_totals() -> None:
    it = document(4)
    text = "\n".join(document_lines(it, Output(as_json=False)))
    assert all(f"project-{number}" in text for number in range(4))
    assert all(f"total  {total.total} {total.currency}" in text for total in it.totals)
    assert "2026-10" in text


def test_the_amount_of_an_agreement_has_room_beside_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns the amounts were below their rows, each with `corrects: -`."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = [*document_lines(document(4, currencies=1), Output(as_json=False))]
    (row,) = (it for it in lines if it.startswith("volume"))
    assert "-4" in row.split()
    assert not any("corrects: -" in it for it in lines)


def test_the_currency_is_a_column_only_if_there_are_several() -> None:
    """Beside each line, the one currency of most invoices had no room at 80 columns and went below every row."""
    several = "\n".join(document_lines(document(4), Output(as_json=False)))
    one = "\n".join(document_lines(document(4, currencies=1), Output(as_json=False)))
    assert "currency" in several
    assert "currency" not in one


@pytest.mark.parametrize(
    ("text", "currency"), [("1,5", "USD"), ("", "USD"), ("1e3", "USD"), ("1", "usd"), ("NaN", "USD")]
)
def test_what_is_no_amount_is_refused_with_an_example(text: str, currency: str) -> None:
    with pytest.raises(Stop, match=r"such as 12\.50") as stop:
        amount_of(text, currency)
    assert stop.value.code == Exit.USAGE


async def _ten(home: Home) -> int:
    return 10


@pytest.mark.parametrize(
    "after",
    [[["two", "10", "0"]], [["one", "10", "1"]], [["one", "9", "0"]], []],
    ids=["other", "lost", "less", "none"],
)
def test_a_warehouse_that_loses_rows_meanwhile_gives_no_invoice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: list[list[str]]
) -> None:
    """What an invoice leaves out is on no later one either."""
    states = iter([[["one", "10", "0"]], [["one", "10", "0"]], after])

    def rows(home: Home, stack: Stack, sql: str, parameters: object = None) -> Sequence[Sequence[str]]:
        return next(states) if "detached_parts" in sql else []

    monkeypatch.setattr(stack_invoices, "running_stack", lambda home: None)
    monkeypatch.setattr(stack_invoices, "load", lambda path: None)
    monkeypatch.setattr(stack_invoices, "_tenants", lambda *asked: [])
    monkeypatch.setattr(stack_invoices, "_last_sequence", _ten)
    monkeypatch.setattr(stack_invoices, "rows", rows)
    with pytest.raises(Stop, match="nothing was issued"):
        prepare(Home(tmp_path), None, "2026-10")


def test_an_address_as_long_as_it_may_be_is_drawn_on_two_pages() -> None:
    line = "Z" * 200
    party = Party(name=line, address=(line,) * 8, tax_id=line[:100], contact=line)
    it = document().model_copy(update={"seller": party, "buyer": party})
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(as_pdf(it, fact(it), NOON))).pages)
    assert text.count("Z") == 2 * (200 * 10 + 100)
