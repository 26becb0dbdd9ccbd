"""Invoices: what a tenant owes for a period, frozen by the end of the period and a sequence of `LOG` (ADR 0073).

The fact names the document; the document itself is canonical JSON in the payload store of the tenant. Requests are sent
to `subjects.INVOICE_REQUEST`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Amount, Event, Moment, Name, Payload, Reason, Sentence, Wire

__all__ = [
    "DOCUMENT_TYPE",
    "MAX_DOCUMENT_BYTES",
    "CreditOrder",
    "Invoice",
    "InvoiceAnswer",
    "InvoiceCredit",
    "InvoiceCredited",
    "InvoiceIssued",
    "InvoiceRequest",
    "IssueOrder",
    "PeriodName",
    "credit_number",
    "invoice_number",
    "number_parts",
    "period_dates",
    "period_name",
]

DOCUMENT_TYPE: Final = "application/vnd.queuebit.invoice+json"
"""Media type of the document of an invoice."""

MAX_DOCUMENT_BYTES: Final = 16 << 20
"""The largest document, about 40,000 lines."""

_MONTH: Final = re.compile("([0-9]{4})-([0-9]{2})")
_DAYS: Final = re.compile("([0-9]{4}-[0-9]{2}-[0-9]{2})_([0-9]{4}-[0-9]{2}-[0-9]{2})")
_NUMBER: Final = re.compile("(?P<tenant>.+?)-(?P<period>[0-9]{4}-[0-9]{2}(?:-[0-9]{2}_[0-9]{4}-[0-9]{2}-[0-9]{2})?)")

PeriodName = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}_[0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
"""A calendar month such as `2026-11`; or the first day, and the day after the last: `2026-11-01_2026-11-15`."""


class Invoice(Wire):
    """What a tenant owes for a period: all usage with an earlier time that was stored until the cut, once."""

    tenant: Name
    period: PeriodName
    number: str
    """`invoice_number` of tenant and period."""
    serial: int = Field(ge=1)
    """Counts the invoices of the tenant, without gaps."""
    start: date
    end: date
    """The day after the last one, in UTC."""
    cut: int = Field(ge=0)
    """The last sequence of `LOG` that it includes."""
    cut_at: Moment | None = None
    """When the log stored the event at the cut; absent where the log was empty."""
    totals: tuple[Amount, ...] = ()
    """What is owed, exact, one amount a currency, in the order of their names; below 0 if corrections take back more
    than was used."""
    facts: int = Field(ge=0)
    """How many usage facts it includes."""
    document: Payload
    """All of it, canonical JSON."""
    by: str = Field(min_length=1, max_length=200)


class InvoiceCredit(Wire):
    """A part of an invoice is taken back."""

    tenant: Name
    period: PeriodName
    number: str
    """`credit_number` of the invoice and the revision."""
    invoice: str
    """The number of the invoice."""
    revision: int = Field(ge=1)
    """Counts the credits of the invoice from 1."""
    amount: Amount
    """Above 0."""
    left: Amount
    """What is still owed of the invoice in this currency."""
    reason: Sentence
    by: str = Field(min_length=1, max_length=200)


class InvoiceIssued(Event[Invoice]):
    """A period of a tenant was invoiced. A period is invoiced once; what comes later is on the next invoice."""

    type: Literal["qb.invoice.issued.v1"] = "qb.invoice.issued.v1"


class InvoiceCredited(Event[InvoiceCredit]):
    """A part of an invoice was credited. The invoice stays as it was issued."""

    type: Literal["qb.invoice.credited.v1"] = "qb.invoice.credited.v1"


class IssueOrder(Wire):
    """Issue an invoice."""

    document: str
    """The document: base64 of its canonical JSON, compressed with zlib."""


class CreditOrder(Wire):
    """Credit a part of an invoice."""

    number: str = Field(min_length=1, max_length=128)
    amount: Amount
    reason: str = Field(min_length=1, max_length=500)
    revision: int = Field(ge=1)
    """One more than the credits of the invoice that the requester knows: so a repeat does not credit twice."""


class InvoiceRequest(Wire):
    """Issue an invoice, or credit one. Only the operator may ask this: `qb.admin.invoice`."""

    issue: IssueOrder | None = None
    credit: CreditOrder | None = None
    by: str = Field(min_length=1, max_length=200)
    """Who wants it; the fact names this."""


class InvoiceAnswer(Wire):
    """What was appended; or why nothing was."""

    invoice: Invoice | None = None
    credit: InvoiceCredit | None = None
    sequence: int = 0
    errors: tuple[Reason, ...] = ()


def invoice_number(tenant: str, period: str) -> str:
    """The number of the invoice of a tenant for a period, such as `acme-2026-11`."""
    return f"{tenant}-{period}"


def credit_number(invoice: str, revision: int) -> str:
    """The number of a credit of an invoice, such as `acme-2026-11-c1`."""
    return f"{invoice}-c{revision}"


def number_parts(number: str) -> tuple[str, str]:
    """The tenant and the period of the number of an invoice.

    Raises:
        ValueError: it is none.
    """
    found = _NUMBER.fullmatch(number)
    if found is None:
        raise ValueError(f"{number!r:.80} is no number of an invoice, such as acme-2026-11: `qb invoice list` has them")
    return found["tenant"], found["period"]


def period_dates(period: str) -> tuple[date, date]:
    """The first day of a period, and the day after its last.

    Raises:
        ValueError: it is no period, or has no day.
    """
    try:
        if month := _MONTH.fullmatch(period):
            year, number = int(month[1]), int(month[2])
            return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
        if days := _DAYS.fullmatch(period):
            start, end = date.fromisoformat(days[1]), date.fromisoformat(days[2])
            if start < end:
                return start, end
    except ValueError:
        pass
    raise ValueError(
        f"{period!r:.80} is no period: write a month such as 2026-11, or the first day and the day after the last, "
        "such as 2026-11-01_2026-11-15"
    )


def period_name(start: date, end: date) -> str:
    """The name of the period from a day to the day before another one; a calendar month has its short name."""
    month = start.isoformat()[:7]
    is_month = start.day == end.day == 1 and (end - start).days <= 31
    return month if is_month else f"{start}_{end}"
