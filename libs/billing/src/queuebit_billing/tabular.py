"""An invoice as CSV: every line with its amount. The sum of the amounts in a currency is its exact total."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

from queuebit_billing.document import AgreementLine, Document, Line

__all__ = ["COLUMNS", "as_csv", "written"]

_Row = dict[str, str | None]

COLUMNS: Final = (
    *("invoice", "tenant", "kind", "period", "correction", "project", "price", "component", "agreement", "unit"),
    *("quantity", "unit_price", "amount", "currency", "facts", "events"),
)
"""Columns; of a line of usage the kind is `usage`, and of an agreement the part of it, such as `discount`."""


def as_csv(document: Document) -> bytes:
    """The lines of an invoice, then those of agreements, in the order of the document."""
    usage = [_used(document, it) for it in document.lines]
    return written(COLUMNS, usage + [_changed(document, it) for it in document.agreed])


def written(columns: Sequence[str], rows: Sequence[Mapping[str, str | None]]) -> bytes:
    """Rows as CSV with a header, as RFC 4180 says: UTF-8, and line ends of two characters."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _used(document: Document, it: Line) -> _Row:
    return {**_about(document, it), "kind": "usage", "unit": it.unit, "facts": str(it.facts), "events": it.events}


def _changed(document: Document, it: AgreementLine) -> _Row:
    return {**_about(document, it), "kind": it.kind, "agreement": it.agreement}


def _about(document: Document, it: Line | AgreementLine) -> _Row:
    return {
        "invoice": document.number,
        "tenant": document.tenant,
        "period": it.period,
        "correction": str(it.correction).lower(),
        "project": it.project,
        "price": it.price,
        "component": it.component,
        "quantity": it.quantity,
        "unit_price": it.unit_price,
        "amount": it.amount,
        "currency": it.currency,
    }
