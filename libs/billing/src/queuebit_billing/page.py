"""An invoice for people, as PDF: the same document and facts give the same bytes.

Text is written with the fonts that every reader of PDF has, and other languages as `pdf_fonts` says; characters of none
of them are shown as question marks. The JSON document has them all.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from queuebit_billing.document import AgreementLine, Document, Line, Party
from queuebit_billing.pdf_fonts import marked_up as _text
from queuebit_billing.pdf_fonts import plain as _known
from queuebit_contracts.invoice import Invoice, InvoiceCredit
from queuebit_contracts.wire import Amount
from queuebit_kernel.exact import plain, total

__all__ = ["as_pdf", "digits"]

_INK: Final = colors.HexColor("#1c2733")
_FAINT: Final = colors.HexColor("#5b6875")
_RULE: Final = colors.HexColor("#c9d1d9")
_BAND: Final = colors.HexColor("#f2f5f8")
_BODY: Final = ParagraphStyle("body", fontName="Helvetica", fontSize=8.5, leading=11.5, textColor=_INK)
_CELL: Final = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10)
_RIGHT: Final = ParagraphStyle("right", parent=_CELL, alignment=2)
_HEAD: Final = ParagraphStyle("head", parent=_CELL, fontName="Helvetica-Bold", textColor=_FAINT, fontSize=7.5)
_HEAD_RIGHT: Final = ParagraphStyle("head-right", parent=_HEAD, alignment=2)
_TITLE: Final = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=20, leading=24)
_SECTION: Final = ParagraphStyle(
    "section", parent=_BODY, fontName="Helvetica-Bold", fontSize=10.5, leading=14, spaceBefore=10, spaceAfter=4
)
_SMALL: Final = ParagraphStyle("small", parent=_BODY, fontSize=7.5, leading=10, textColor=_FAINT)
_MARGIN: Final = 18 * mm
_WIDTH: Final = A4[0] - 2 * _MARGIN - 12  # a frame has 6 points of padding on each side
_LINE_WIDTHS: Final = tuple(_WIDTH * it for it in (0.17, 0.22, 0.14, 0.14, 0.16, 0.17))


def as_pdf(document: Document, invoice: Invoice, issued_at: datetime, credits_: Sequence[InvoiceCredit] = ()) -> bytes:
    """An invoice as PDF.

    Args:
        document: of the invoice.
        invoice: the fact that it was issued.
        issued_at: when.
        credits_: what was credited of it, in their order.
    """
    target = io.BytesIO()
    title = f"Invoice {document.number}"
    template = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=16 * mm,
        bottomMargin=20 * mm,
        title=title,
        author=document.seller.name or "Queuebit",
        subject=f"Quantum computing, {document.period}",
        invariant=1,
    )
    parts = [
        *_heading(document, issued_at),
        *_summary(document, credits_),
        *_usage(document),
        *_agreements(document),
        *_credits(credits_),
        *_closing(document, invoice),
    ]
    template.build(parts, canvasmaker=lambda *args, **options: _Numbered(*args, footer=_known(title), **options))
    return target.getvalue()


def digits(number: str, least: int = 2) -> str:
    """A decimal for people: groups of three digits, and at least some decimal places."""
    value = Decimal(number)
    exponent = value.as_tuple().exponent
    places = max(least, -exponent if isinstance(exponent, int) else 0)
    return f"{value:,.{places}f}"


class _Numbered(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Pages with a footer that knows how many there are."""

    def __init__(self, *args: Any, footer: str, **options: Any) -> None:  # what reportlab passes
        super().__init__(*args, **options)
        self._footer = footer
        self._pages: list[dict[str, Any]] = []  # the state of a page, in reportlab's own form

    def showPage(self) -> None:  # noqa: N802  # a name of reportlab
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont("Helvetica", 7.5)
            self.setFillColor(_FAINT)
            self.drawString(_MARGIN, 12 * mm, self._footer)
            self.drawRightString(A4[0] - _MARGIN, 12 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


def _heading(document: Document, issued_at: datetime) -> list[Any]:  # flowables have no types
    last = document.end.fromordinal(document.end.toordinal() - 1)
    facts = [
        ("Number", document.number),
        ("Issued", f"{issued_at:%Y-%m-%d}"),
        ("Period", f"{document.start} to {last} (UTC)"),
        ("Serial", str(document.serial)),
    ]
    right = Table(
        [[Paragraph(_text(name), _HEAD), Paragraph(_text(value), _RIGHT)] for name, value in facts],
        colWidths=(_WIDTH * 0.12, _WIDTH * 0.30),
        style=TableStyle([("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]),
    )
    buyer = document.buyer if document.buyer.name else document.buyer.model_copy(update={"name": document.tenant})
    seller = document.seller if document.seller.name else document.seller.model_copy(update={"name": "Queuebit"})
    top = Table(
        [[_party(seller), Paragraph("Invoice", ParagraphStyle("t", parent=_TITLE, alignment=2))], [_to(buyer), right]],
        colWidths=(_WIDTH * 0.58, _WIDTH * 0.42),
        splitInRow=1,  # an address may be longer than a page
        style=TableStyle([
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 1), (-1, 1), 12),
        ]),
    )  # fmt: skip
    return [top, Spacer(1, 8 * mm)]


def _party(it: Party) -> Any:
    lines = [f"<b>{_text(it.name, bold=True)}</b>", *map(_text, it.address)]
    lines += [_text(it.tax_id)] if it.tax_id else []
    lines += [_text(it.contact)] if it.contact else []
    return Paragraph("<br/>".join(lines), _BODY)


def _to(it: Party) -> list[Any]:
    return [Paragraph("Bill to", _HEAD), _party(it)]


def _summary(document: Document, credits_: Sequence[InvoiceCredit]) -> list[Any]:
    rows: list[list[Any]] = []
    styles: list[tuple[Any, ...]] = []
    for it in document.totals:
        rows.append(_sum("Usage at list prices", it.usage, it.currency))
        if Decimal(it.agreements):
            rows.append(_sum("Agreements", it.agreements, it.currency))
        rows.append(_sum("Total", it.total, it.currency, bold=True))
        styles += [("LINEABOVE", (0, len(rows) - 1), (-1, len(rows) - 1), 0.8, _INK)]
        given = [credit for credit in credits_ if credit.amount.currency == it.currency]
        rows += [_sum(f"Credit {credit.number}", f"-{credit.amount.amount}", it.currency) for credit in given]
        if given:
            rows.append(_sum("Still owed", given[-1].left.amount, it.currency, bold=True))
    if not rows:
        return [Paragraph("Nothing was used in this period, and nothing is owed.", _BODY)]
    table = Table(rows, colWidths=(_WIDTH * 0.72, _WIDTH * 0.28), style=TableStyle([*_PADDED, *styles]))
    terms = [Spacer(1, 3 * mm), Paragraph(_text(document.terms), _BODY)] if document.terms else []
    return [table, *terms]


def _sum(name: str, amount: str, currency: str, *, bold: bool = False) -> list[Any]:
    mark = ("<b>", "</b>") if bold else ("", "")
    return [
        Paragraph(f"{mark[0]}{_text(name)}{mark[1]}", _CELL),
        Paragraph(f"{mark[0]}{digits(amount)} {currency}{mark[1]}", _RIGHT),
    ]


_PADDED: Final = [
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]
_LISTED: Final = [
    *_PADDED,
    ("BACKGROUND", (0, 0), (-1, 0), _BAND),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, _RULE),
    ("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK),
]


def _usage(document: Document) -> list[Any]:
    parts: list[Any] = []
    own = [it for it in document.lines if not it.correction]
    late = [it for it in document.lines if it.correction]
    for currency in dict.fromkeys(it.currency for it in own):
        lines = [it for it in own if it.currency == currency]
        parts += _section(f"Usage of {document.period}", "Project", [(it.project, it) for it in lines])
    for period, currency in dict.fromkeys((it.period, it.currency) for it in late):
        lines = [it for it in late if (it.period, it.currency) == (period, currency)]
        parts += _section(f"Corrections of {period}", "Project", [(it.project, it) for it in lines])
    return parts


def _agreements(document: Document) -> list[Any]:
    parts: list[Any] = []
    for period, currency in dict.fromkeys((it.period, it.currency) for it in document.agreed):
        lines = [it for it in document.agreed if (it.period, it.currency) == (period, currency)]
        name = f"Agreements of {period}" + (", corrected" if lines[0].correction else "")
        parts += _section(name, "Agreement", [(f"{it.agreement}, {it.kind}", it) for it in lines])
    return parts


def _section(name: str, first: str, lines: Sequence[tuple[str, Line | AgreementLine]]) -> list[Any]:
    currency = lines[0][1].currency
    head = [*(Paragraph(it, _HEAD) for it in (first, "Price", "Component"))]
    head += [Paragraph(it, _HEAD_RIGHT) for it in ("Quantity", "Unit price", f"Amount ({currency})")]
    rows = [head]
    for label, it in lines:
        rows.append(
            [
                *(Paragraph(_text(text), _CELL) for text in (label, it.price, it.component.replace("_", " "))),
                Paragraph(digits(it.quantity, 0), _RIGHT),
                Paragraph(digits(it.unit_price), _RIGHT),
                Paragraph(digits(it.amount), _RIGHT),
            ]
        )
    summed = digits(plain(total(Decimal(it.amount) for _, it in lines)))
    rows.append([Paragraph("<b>Sum</b>", _CELL), "", "", "", "", Paragraph(f"<b>{summed}</b>", _RIGHT)])
    return [
        Paragraph(_text(name), _SECTION),
        Table(rows, colWidths=_LINE_WIDTHS, repeatRows=1, style=TableStyle(_LISTED)),
    ]


def _credits(credits_: Sequence[InvoiceCredit]) -> list[Any]:
    if not credits_:
        return []
    rows = [[Paragraph(it, _HEAD) for it in ("Number", "Reason")] + [Paragraph("Amount", _HEAD_RIGHT)]]
    rows += [
        [Paragraph(_text(it.number), _CELL), Paragraph(_text(it.reason), _CELL), _money(it.amount)] for it in credits_
    ]
    widths = (_WIDTH * 0.25, _WIDTH * 0.55, _WIDTH * 0.20)
    return [Paragraph("Credits", _SECTION), Table(rows, colWidths=widths, repeatRows=1, style=TableStyle(_LISTED[:-1]))]


def _money(it: Amount) -> Any:
    return Paragraph(f"{digits(it.amount)} {it.currency}", _RIGHT)


def _closing(document: Document, invoice: Invoice) -> list[Any]:
    until = f", stored {invoice.cut_at:%Y-%m-%d %H:%M:%S} UTC" if invoice.cut_at else ""
    text = (
        f"This invoice includes {document.facts:,} usage facts: all with a time before {document.end} (UTC) that the "
        f"log had up to sequence {document.cut:,}{until}, without those of earlier invoices. What arrives later will "
        "be a correction on the next invoice. Quantity times unit price is the amount of each line, exactly; only "
        "totals are rounded, to a millionth."
    )
    check = (
        f"To check it: <font face='Courier'>qb invoice show {_text(document.number)} --format json</font> prints the "
        f"document whose SHA-256 is <font face='Courier'>{invoice.document.digest.removeprefix('sha256:')}</font>. "
        "Each line has the number of its usage facts and the SHA-256 over their sorted ids. "
        "<font face='Courier'>qb verify</font> computes every invoice again from the log."
    )
    return [KeepTogether([Paragraph("How to check this invoice", _SECTION), *_paragraphs((text, check))])]


def _paragraphs(texts: Iterable[str]) -> list[Any]:
    return [part for it in texts for part in (Paragraph(it, _SMALL), Spacer(1, 1.5 * mm))]
