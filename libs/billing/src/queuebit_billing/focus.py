"""An invoice as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification: a row for each line.

The sum of `BilledCost` over the rows of an invoice is its total: where that was rounded, one row says by how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from queuebit_billing.document import AgreementLine, Document, Line
from queuebit_billing.tabular import written
from queuebit_contracts.focus import COLUMNS as SPECIFIED
from queuebit_contracts.focus import issuer, pricing_currency
from queuebit_contracts.invoice import period_dates
from queuebit_kernel.exact import difference, plain, product, total
from queuebit_pricing import PriceBook, Unpriced

__all__ = ["COLUMNS", "as_focus", "focus_rows"]

_Row = dict[str, str | None]

COLUMNS: Final = (*SPECIFIED, "x_Agreement", "x_CorrectedPeriod", "x_EventCount", "x_EventDigest", "x_PriceBook")
"""The columns in their order: those of FOCUS 1.2 that apply, two names of 1.3, and our own."""

_COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
_FEE: Final = "subscription"
"""The part of agreements that costs something: a purchase, where others are credits."""


def as_focus(document: Document, book: PriceBook | None = None) -> bytes:
    """The rows as CSV; arguments as of `focus_rows`."""
    return written(COLUMNS, list(focus_rows(document, book)))


def focus_rows(document: Document, book: PriceBook | None = None) -> Iterator[_Row]:
    """The rows of an invoice, in the order of its lines.

    Args:
        document: of the invoice.
        book: a price book that has the prices of the invoice; they never change under their ids. Without it, lines that
            are priced in a virtual currency name only the currency in which they are billed.
    """
    for line in document.lines:
        row = {**_about(document, line), **_used(line)}
        yield {**dict.fromkeys(COLUMNS), **row, **pricing_currency(row, _virtual(line, book))}
    for agreed in document.agreed:
        row = {**_about(document, agreed), **_changed(agreed)}
        yield {**dict.fromkeys(COLUMNS), **row, **pricing_currency(row)}
    for it in document.totals:
        rounding = difference(Decimal(it.total), total((Decimal(it.usage), Decimal(it.agreements))))
        if rounding:
            row = {**_whole(document, it.currency), **_rounding(plain(rounding))}
            yield {**dict.fromkeys(COLUMNS), **row, **pricing_currency(row)}


def _virtual(line: Line, book: PriceBook | None) -> tuple[str, str, str] | None:
    """The unit, the price of a unit and the amount of a line in the virtual currency of its price."""
    try:
        price = book.price(line.price) if book is not None and line.price else None
    except Unpriced:  # of an older book
        return None
    if price is None or price.credits is None:
        return None
    rates = {it.component: it.credits for it in price.rates}
    each = (
        Decimal(1)
        if line.component == "minimum"
        else next((it for c, it in rates.items() if c == line.component), None)
    )
    if each is None:  # a component that is in money, such as the idle time of a session
        return None
    return price.credits.unit, plain(each), plain(product(each, Decimal(line.quantity)))


def _whole(document: Document, currency: str) -> _Row:
    """What all rows have in common."""
    return {
        **issuer(document.seller.name),
        "BillingAccountId": document.tenant,
        "BillingAccountName": document.buyer.name or document.tenant,
        "BillingAccountType": "Tenant",
        "BillingCurrency": currency,
        "BillingPeriodStart": _midnight(document.start),
        "BillingPeriodEnd": _midnight(document.end),
        "ChargePeriodStart": _midnight(document.start),
        "ChargePeriodEnd": _midnight(document.end),
        "InvoiceId": document.number,
        "Tags": "{}",
        "x_PriceBook": document.price_book,
    }


def _about(document: Document, it: Line | AgreementLine) -> _Row:
    start, end = period_dates(it.period)
    return {
        **_whole(document, it.currency),
        **dict.fromkeys(_COSTS, it.amount),
        "ChargeClass": "Correction" if it.correction else None,
        "ChargePeriodStart": _midnight(start),
        "ChargePeriodEnd": _midnight(end),
        "SubAccountId": it.project or None,
        "SubAccountName": it.project or None,
        "SubAccountType": "Project" if it.project else None,
        "x_CorrectedPeriod": it.period if it.correction else None,
    }


def _used(it: Line) -> _Row:
    corrected = f", correction of {it.period}" if it.correction else ""
    return {
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{it.unit} of {it.price or 'no price'} in project {it.project}{corrected}",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": it.quantity,
        "ConsumedUnit": it.unit,
        "ContractedUnitPrice": it.unit_price,
        "ListUnitPrice": it.unit_price,
        "PricingCategory": "Standard",
        "PricingQuantity": it.quantity,
        "PricingUnit": it.unit,
        "SkuId": it.price or "unlisted",
        "SkuMeter": it.component,
        "SkuPriceId": f"{it.price or 'unlisted'}/{it.component}",
        "x_EventCount": str(it.facts),
        "x_EventDigest": it.events,
    }


def _changed(it: AgreementLine) -> _Row:
    is_fee = it.kind == _FEE
    about = f" on {it.component} of {it.price}" if it.price else ""
    row: _Row = {
        "ChargeCategory": "Purchase" if is_fee else "Credit",
        "ChargeDescription": f"{it.kind} by agreement {it.agreement}{about}",
        "ChargeFrequency": "Recurring" if is_fee else "Usage-Based",
        "x_Agreement": it.agreement,
    }
    if is_fee:
        row |= {
            "ContractedUnitPrice": it.unit_price,
            "ListUnitPrice": it.unit_price,
            "PricingCategory": "Standard",
            "PricingQuantity": it.quantity,
            "PricingUnit": "Months",
            "SkuId": it.price or it.agreement,
            "SkuMeter": it.component or it.kind,
            "SkuPriceId": f"{it.price or it.agreement}/{it.component or it.kind}",
        }
    return row


def _rounding(amount: str) -> _Row:
    return {
        **dict.fromkeys(_COSTS, amount),
        "ChargeCategory": "Adjustment",
        "ChargeDescription": "the total is rounded to a millionth",
        "ChargeFrequency": "One-Time",
    }


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
