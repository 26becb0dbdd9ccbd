"""Invoices as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_billing import AgreementLine, Document, Line
    from queuebit_contracts.invoice import Invoice, InvoiceCredit
    from queuebit_contracts.wire import Amount
    from queuebit_stack.invoices import Issued

__all__ = ["credit_rows", "document_lines", "invoice_rows", "prepared_rows"]


def invoice_rows(found: Sequence[Issued]) -> list[Row]:
    """One row for each invoice."""
    return [
        {
            **_about(it.invoice),
            "credited": " + ".join(str(given.amount.money) for given in it.credits) or "-",
            "owed": _amounts([it.left(total.currency) for total in it.invoice.totals]),
            "issued": f"{it.at:%Y-%m-%d}",
        }
        for it in found
    ]


def prepared_rows(issued: Sequence[Invoice]) -> list[Row]:
    """One row for each invoice that was issued now."""
    return [{**_about(it), "cut": it.cut, "digest": it.document.digest[:19] + "…"} for it in issued]


def credit_rows(given: Sequence[InvoiceCredit]) -> list[Row]:
    """One row for each credit."""
    return [
        {
            "credit": it.number,
            "amount": str(it.amount.money),
            "left": str(it.left.money),
            "reason": it.reason,
            "by": it.by,
        }
        for it in given
    ]


def document_lines(document: Document, out: Output) -> Iterator[str]:
    """An invoice as tables."""
    yield f"invoice {document.number}, number {document.serial} of {document.tenant}"
    usage_facts = "1 usage fact" if document.facts == 1 else f"{document.facts:,} usage facts"
    until = f"log up to sequence {document.cut}, {usage_facts}"
    yield f"{document.start} to before {document.end} (UTC), {until}"
    for found in (_usage_rows(document), _agreement_rows(document)):
        if found:
            yield ""
            yield from out.lines(found, fit=True)
    yield ""
    for it in document.totals:
        reduced = f" ({it.usage} of usage, {it.agreements} by agreements)" if Decimal(it.agreements) else ""
        yield f"total  {it.total} {it.currency}{reduced}"
    if not document.totals:
        yield "total  nothing is owed"


def _usage_rows(document: Document) -> list[Row]:
    return [{**_priced(document, it, it.unit_price), "facts": it.facts, **_corrects(it)} for it in document.lines]


def _agreement_rows(document: Document) -> list[Row]:
    """The quantity is last: where there is no room for all, the amount stays beside the name."""
    rows = [
        {"agreement": it.agreement, "part": it.kind, **_priced(document, it), **_corrects(it)} for it in document.agreed
    ]
    return [{name: row[name] for name in (*(it for it in row if it != "quantity"), "quantity")} for row in rows]


def _priced(document: Document, it: Line | AgreementLine, unit_price: str | None = None) -> Row:
    currencies = {total.currency for total in document.totals}
    return {
        "project": it.project,
        "price": it.price,
        "component": it.component,
        "quantity": it.quantity,
        "unit price": unit_price,
        "amount": it.amount,
        "currency": it.currency if len(currencies) > 1 else None,  # the totals name the only one
    }


def _corrects(it: Line | AgreementLine) -> Row:
    return {"corrects": it.period if it.correction else None}


def _about(it: Invoice) -> Row:
    return {"number": it.number, "serial": it.serial, "total": _amounts(it.totals), "facts": it.facts}


def _amounts(amounts: Sequence[Amount]) -> str:
    return " + ".join(str(it.money) for it in amounts) or "0.00"
