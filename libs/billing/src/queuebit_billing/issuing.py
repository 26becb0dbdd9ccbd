"""Builds the document of an invoice, and says what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from queuebit_billing.document import AgreementLine, Document, Frozen, Line, Party, Total
from queuebit_billing.queries import Bounds, UsageSum
from queuebit_contracts.invoice import invoice_number, period_dates, period_name
from queuebit_kernel.exact import difference, plain, product, rounded, total
from queuebit_pricing import AgreedLine, Consumed, Period, PriceBook, agreed, history_from

__all__ = ["Heading", "Usage", "agreement_lines", "build", "faults", "first_day"]

_PLACES = 6
"""Decimal places of a total; nothing else is rounded."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Who invoices whom, on which terms."""

    seller: Party = field(default_factory=Party)
    buyer: Party = field(default_factory=Party)
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the warehouse says within the bounds of an invoice."""

    sums: Sequence[UsageSum]
    facts: int


_Daily = Callable[[date], tuple[Sequence[Consumed], Mapping[str, str]]]
"""Returns daily sums from a day on, and the currency of each price."""


def build(
    bounds: Bounds, usage: Usage, agreements: Iterable[AgreementLine], price_book: str, heading: Heading | None = None
) -> Document:
    """Build an invoice. The same arguments give the same bytes."""
    heading = heading or Heading()
    lines = tuple(sorted((_line(bounds, it) for it in usage.sums), key=_order))
    agreed_lines = tuple(sorted(agreements, key=_agreed_order))
    before = bounds.earlier[-1] if bounds.earlier else None
    return Document(
        number=invoice_number(bounds.tenant, bounds.period),
        tenant=bounds.tenant,
        period=bounds.period,
        serial=len(bounds.earlier) + 1,
        start=bounds.start,
        end=bounds.end,
        cut=bounds.cut,
        previous=Frozen(end=before.end, cut=before.cut) if before else None,
        price_book=price_book,
        seller=heading.seller,
        buyer=heading.buyer,
        terms=heading.terms,
        facts=usage.facts,
        lines=lines,
        agreed=agreed_lines,
        totals=_totals(lines, agreed_lines),
    )


def first_day(bounds: Bounds, usage: Usage, book: PriceBook) -> date:
    """The first day whose usage agreements need: that of the earliest period with something new, or a window before."""
    first = min([*(it.origin for it in usage.sums), len(bounds.earlier)])
    return min(history_from(book, bounds.tenant, _periods(bounds)[it]) for it in range(first, len(bounds.earlier) + 1))


def agreement_lines(
    bounds: Bounds, usage: Usage, book: PriceBook, daily: _Daily, issued: Sequence[Document]
) -> list[AgreementLine]:
    """What agreements change.

    Late usage may change what they gave in earlier periods, so these are computed again from all that is known now. A
    difference to the earlier invoices is a correction.

    Args:
        bounds: of the invoice.
        usage: on the invoice.
        book: has the agreements.
        daily: asked only if a tenant has agreements.
        issued: the earlier invoices, oldest first.
    """
    if not any(it.tenant in (bounds.tenant, "*") for it in book.agreements):
        return []
    rows, currencies = daily(first_day(bounds, usage, book))
    first = min([*(it.origin for it in usage.sums), len(bounds.earlier)])
    lines: list[AgreementLine] = []
    for place, period in list(enumerate(_periods(bounds)))[first:]:
        name = period_name(period.start, period.end)
        given = _given(issued, name)
        now = {_key(it): it.quantity for it in agreed(book, bounds.tenant, rows, period)}
        changed = {
            it: difference(now.get(it, Decimal(0)), given.get(it, Decimal(0))) for it in now.keys() | given.keys()
        }
        late = place < len(bounds.earlier)
        lines += [
            _agreement_line(key, quantity, name, currencies.get(key.price, book.currency), late=late)
            for key, quantity in sorted(changed.items())
            if quantity
        ]
    return lines


def faults(document: Document) -> list[str]:
    """All reasons why an invoice does not balance; none for a good one."""
    return [*_bounds_faults(document), *_line_faults(document)]


class _AgreedKey(NamedTuple):
    agreement: str
    kind: str
    project: str
    price: str
    component: str
    unit_price: Decimal


def _key(it: AgreedLine | AgreementLine) -> _AgreedKey:
    return _AgreedKey(it.agreement, it.kind, it.project, it.price, it.component, Decimal(it.unit_price))


def _agreement_line(key: _AgreedKey, quantity: Decimal, period: str, currency: str, *, late: bool) -> AgreementLine:
    return AgreementLine(
        period=period,
        correction=late,
        agreement=key.agreement,
        kind=key.kind,
        project=key.project,
        price=key.price,
        component=key.component,
        currency=currency,
        quantity=plain(quantity),
        unit_price=plain(key.unit_price),
        amount=plain(product(quantity, key.unit_price)),
    )


def _given(issued: Sequence[Document], period: str) -> dict[_AgreedKey, Decimal]:
    """What earlier invoices say of the agreements of a period."""
    found: dict[_AgreedKey, Decimal] = {}
    for line in (it for document in issued for it in document.agreed if it.period == period):
        found[_key(line)] = total((found.get(_key(line), Decimal(0)), Decimal(line.quantity)))
    return found


def _periods(bounds: Bounds) -> list[Period]:
    return [Period(*period_dates(it)) for it in (*(it.period for it in bounds.earlier), bounds.period)]


def _line(bounds: Bounds, it: UsageSum) -> Line:
    late = it.origin < len(bounds.earlier)
    return Line(
        period=bounds.earlier[it.origin].period if late else bounds.period,
        correction=late,
        project=it.project,
        price=it.price,
        component=it.component,
        unit=it.unit,
        currency=it.currency,
        quantity=plain(it.quantity),
        unit_price=plain(it.unit_price),
        amount=plain(it.amount),
        facts=it.facts,
        events=it.events,
    )


def _order(it: Line) -> tuple[str, bool, str, str, str, str, str, Decimal]:
    """In each currency the period of the invoice first, then corrections, the oldest first."""
    return (it.currency, it.correction, it.period, it.project, it.price, it.component, it.unit, Decimal(it.unit_price))


def _agreed_order(it: AgreementLine) -> tuple[object, ...]:
    return (
        *(it.currency, it.correction, it.period, it.agreement, it.kind, it.project, it.price, it.component),
        Decimal(it.unit_price),
    )


def _totals(lines: Sequence[Line], agreements: Sequence[AgreementLine]) -> tuple[Total, ...]:
    found = []
    for currency in sorted({it.currency for it in lines} | {it.currency for it in agreements}):
        usage = total(Decimal(it.amount) for it in lines if it.currency == currency)
        changed = total(Decimal(it.amount) for it in agreements if it.currency == currency)
        owed = plain(rounded(total((usage, changed)), _PLACES))
        found.append(Total(currency=currency, usage=plain(usage), agreements=plain(changed), total=owed))
    return tuple(found)


def _bounds_faults(it: Document) -> Iterator[str]:
    try:
        start, end = period_dates(it.period)
    except ValueError as error:
        yield str(error)
        return
    if it.period != (name := period_name(start, end)):
        yield f"period {it.period} has the name {name}: two names of a period would be two periods"
    if (it.start, it.end) != (start, end):
        yield f"period {it.period} is from {start} to {end}, and the invoice says {it.start} to {it.end}"
    if it.number != invoice_number(it.tenant, it.period):
        yield f"its number is {it.number}, and must be {invoice_number(it.tenant, it.period)}"
    if (it.serial == 1) != (it.previous is None):
        yield "the first invoice of a tenant has no bounds of one before, and every other has"
    if it.previous and (it.previous.end > it.start or it.previous.cut > it.cut):
        yield "its period begins before the last invoice ends, or its cut is before that invoice's"


def _is_before(period: str, document: Document) -> bool:
    try:
        return period_dates(period)[1] <= document.start
    except ValueError:
        return False


def _line_faults(document: Document) -> Iterator[str]:
    priced: list[Line | AgreementLine] = [*document.lines, *document.agreed]
    for it in priced:
        if product(Decimal(it.quantity), Decimal(it.unit_price)) != Decimal(it.amount):
            yield f"{it.quantity} times {it.unit_price} is not {it.amount}: {it.component} of {it.price}, {it.project}"
        if it.correction == (it.period == document.period) or (it.correction and not _is_before(it.period, document)):
            yield f"a line of {it.period} is of this period, or corrects an earlier one, and says the opposite"
    if list(document.lines) != sorted(document.lines, key=_order):
        yield "its lines are not in order"
    if len({_order(it) for it in document.lines}) < len(document.lines):
        yield "two of its lines have the same project, price, component and unit price"
    if list(document.agreed) != sorted(document.agreed, key=_agreed_order):
        yield "its lines of agreements are not in order"
    if document.totals != _totals(document.lines, document.agreed):
        yield "its totals are not the sums of its lines"
