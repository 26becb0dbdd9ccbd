"""Invoices of a stack: computed by its warehouse, appended by metering, and read with their documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from pydantic import ValidationError

from queuebit.payloads import Payloads
from queuebit_billing import (
    Bounds,
    Document,
    Earlier,
    Usage,
    agreement_lines,
    build,
    pack,
    read,
)
from queuebit_billing.queries import ANYTHING, COUNTED, DAYS, LINES, consumed, counted, usage_sums
from queuebit_contracts.invoice import (
    CreditOrder,
    Invoice,
    InvoiceAnswer,
    InvoiceCredit,
    InvoiceRequest,
    IssueOrder,
    number_parts,
    period_dates,
    period_name,
)
from queuebit_contracts.subjects import INVOICE_REQUEST
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import Amount
from queuebit_kernel import Malformed, SystemClock
from queuebit_pricing import Consumed, PriceBook, load
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.invoice_headings import heading_of
from queuebit_stack.operator_requests import answer_to
from queuebit_stack.stack import Stack, running_stack
from queuebit_stack.tenant_documents import in_force
from queuebit_stack.tenants_file import unknown
from queuebit_stack.warehouse import rows

__all__ = [
    "Issued",
    "Prepared",
    "amount_of",
    "credit",
    "document_of",
    "find",
    "issue",
    "issued",
    "prepare",
]

_WAIT_S = 60.0
_PAUSE_S = 0.2
_STATE: Final = """
SELECT
    comment,
    (SELECT max(seq) FROM events),
    (
        SELECT count()
        FROM system.detached_parts
        WHERE database = currentDatabase() AND table = 'events' AND (reason = '' OR startsWith(reason, 'broken'))
    )
FROM system.tables
WHERE database = currentDatabase() AND name = 'events'
"""
"""The table's generation, its last sequence, and how many parts of it were damaged, so that rows are missing."""
_ISSUED: Final = """
SELECT type, data, event_time, seq
FROM events FINAL
PREWHERE type IN ('qb.invoice.issued.v1', 'qb.invoice.credited.v1')
WHERE {tenant:String} IN ('', tenant)
ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice, and what was credited of it."""

    invoice: Invoice
    at: datetime
    """When it was issued."""
    credits: tuple[InvoiceCredit, ...] = ()

    def left(self, currency: str) -> Amount:
        """What is still owed of it."""
        newest = next((it.left for it in reversed(self.credits) if it.left.currency == currency), None)
        return newest or next((it for it in self.invoice.totals if it.currency == currency), Amount(amount="0.00"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that can be issued."""

    document: Document
    pending: int
    """How many events the log had after the cut when it was computed."""


def issued(home: Home, tenant: str | None = None) -> list[Issued]:
    """All invoices, or those of a tenant, oldest first, with all that the log has now: waits for the warehouse.

    Raises:
        Stop: the warehouse does not answer or lags.
    """
    stack = running_stack(home)
    asyncio.run(_until_now(home, stack))
    found: dict[str, Issued] = {}
    for type_, data, at, _ in rows(home, stack, _ISSUED, {"tenant": tenant or ""}):
        if type_ == "qb.invoice.issued.v1":
            invoice = Invoice.model_validate_json(data)
            found.setdefault(invoice.number, Issued(invoice, datetime.fromisoformat(at).replace(tzinfo=UTC)))
        else:
            credit_ = InvoiceCredit.model_validate_json(data)
            if known := found.get(credit_.invoice):
                found[credit_.invoice] = Issued(known.invoice, known.at, (*known.credits, credit_))
    return list(found.values())


def find(home: Home, number: str) -> Issued:
    """One invoice.

    Raises:
        Stop: there is none of this number, or the warehouse does not answer or lags.
    """
    try:
        tenant, _ = number_parts(number)
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    for it in issued(home, tenant):
        if it.invoice.number == number:
            return it
    raise Stop(Exit.REFUSED, f"there is no invoice {number}: `qb invoice list` has all")


def document_of(home: Home, wanted: Invoice) -> Document:
    """The document of an invoice, after a check of its digest.

    Raises:
        NotFound: it is missing, or was altered.
        Stop: the stack is down, or the document is none.
    """

    async def fetched() -> bytes:
        operator = operator_of(home)
        try:
            return await Payloads(operator, wanted.tenant).get(wanted.document)
        finally:
            await operator.close()

    return _read(asyncio.run(fetched()))


def prepare(home: Home, tenant: str | None, period: str, *, cut: int | None = None) -> list[Prepared]:
    """Compute the invoices of a period, of one tenant, or of all that have anything to invoice. Nothing is stored.

    Waits until the warehouse has everything up to the cut: the end of the log, if none is given.

    Raises:
        Stop: the period is none, there never was such a tenant, or the warehouse does not answer or lags.
    """
    try:
        start, end = period_dates(period)
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    period = period_name(start, end)  # a month may be written as days, and is the same invoice
    stack, book = running_stack(home), load(home.price_book)
    if tenant:
        _require_known(home, tenant)
    last = asyncio.run(_last_sequence(home))
    bound = last if cut is None else cut
    if bound > last:
        raise Stop(Exit.USAGE, f"the log ends at sequence {last}: leave --cut out, or give at most that")
    generation = asyncio.run(_until(home, stack, bound))
    tenants = [tenant] if tenant else _tenants(home, stack, book, bound, end)
    before: dict[str, list[Issued]] = {}
    for it in issued(home):
        before.setdefault(it.invoice.tenant, []).append(it)
    found = []
    for each in tenants:
        earlier = before.get(each, [])
        if tenant is None and any(it.invoice.period == period for it in earlier):
            continue
        document = _computed(home, stack, book, Bounds(each, period, bound, _earlier(earlier, period)), earlier)
        found.append(Prepared(document, last - bound))
    _require_whole(home, stack, bound, generation)
    return found


def issue(home: Home, document: Document, by: str) -> Invoice:
    """Have metering issue an invoice; return it.

    Raises:
        Stop: metering refuses it; nothing was changed.
        Unreachable: metering does not answer.
    """
    request = InvoiceRequest(issue=IssueOrder(document=pack(document.to_bytes())), by=by)
    answer = _answered(home, request)
    assert answer.invoice is not None
    return answer.invoice


def amount_of(text: str, currency: str) -> Amount:
    """Read an amount.

    Raises:
        Stop: it is none.
    """
    try:
        return Amount(amount=text, currency=currency)
    except ValidationError:
        hint = "write digits, such as 12.50, and a currency such as USD"
        raise Stop(Exit.USAGE, f"{text!r} {currency} is no amount: {hint}") from None


def credit(home: Home, number: str, amount: Amount, reason: str, by: str) -> InvoiceCredit:
    """Credit a part of an invoice; raises as `issue`, and `Stop` if there is no such invoice."""
    revision = len(find(home, number).credits) + 1
    order = CreditOrder(number=number, amount=amount, reason=reason, revision=revision)
    answer = _answered(home, InvoiceRequest(credit=order, by=by))
    assert answer.credit is not None
    return answer.credit


def _require_known(home: Home, tenant: str) -> None:
    """An invoice stays for ever, also of a tenant whose name was mistyped. A removed tenant still pays."""
    entries = in_force(home)
    if tenant not in entries.tenant and tenant not in entries.removed:
        raise unknown("tenant", tenant, (*entries.tenant, *entries.removed))


def _earlier(known: Sequence[Issued], period: str) -> tuple[Earlier, ...]:
    """The invoices before a period; also if the period itself is invoiced already, so that a repeat is the same."""
    found = []
    for it in known:
        if it.invoice.period == period:
            break
        found.append(Earlier(it.invoice.period, it.invoice.end, it.invoice.cut))
    return tuple(found)


def _computed(home: Home, stack: Stack, book: PriceBook, bounds: Bounds, known: Iterable[Issued]) -> Document:
    parameters = bounds.parameters()
    usage = Usage(usage_sums(rows(home, stack, LINES, parameters)), counted(rows(home, stack, COUNTED, parameters)))

    def daily(since: date) -> tuple[list[Consumed], Mapping[str, str]]:
        return consumed(rows(home, stack, DAYS, bounds.daily(since)))

    documents = []
    if book.agreements:
        names = {it.period for it in bounds.earlier}
        documents = [document_of(home, it.invoice) for it in known if it.invoice.period in names]
    agreements = agreement_lines(bounds, usage, book, daily, documents)
    return build(bounds, usage, agreements, book.digest, heading_of(home, bounds.tenant))


def _tenants(home: Home, stack: Stack, book: PriceBook, cut: int, end: date) -> list[str]:
    """The tenants with usage, with an invoice before, or with an agreement of their own, which may have a fee."""
    parameters = {"cut": str(cut), "end": f"{end.isoformat()} 00:00:00.000000"}
    used = {str(it[0]) for it in rows(home, stack, ANYTHING, parameters)}
    agreed = {it.tenant for it in book.agreements if it.valid_from < end}
    return sorted(used | (agreed & {*read_tenants(home).tenant}))


def _answered(home: Home, request: InvoiceRequest) -> InvoiceAnswer:
    return answer_to(operator_of(home), INVOICE_REQUEST, request, InvoiceAnswer, "issue and credit invoices")


async def _last_sequence(home: Home) -> int:
    operator = operator_of(home)
    try:
        reply = await operator.request(f"$JS.API.STREAM.INFO.{LOG}")
    finally:
        await operator.close()
    return int(json.loads(reply.body)["state"]["last_seq"])


async def _until_now(home: Home, stack: Stack) -> None:
    await _until(home, stack, await _last_sequence(home))


async def _until(home: Home, stack: Stack, cut: int) -> str:
    """Wait until the warehouse has everything up to a sequence; return the generation of its table."""
    clock, found = SystemClock(), 0
    deadline = clock.monotonic() + _WAIT_S
    while clock.monotonic() < deadline:
        with suppress(Stop):  # it may start
            generation, found = _whole(home, stack)
            if found >= cut:
                return generation
        await asyncio.sleep(_PAUSE_S)
    text = f"the warehouse has {found} of {cut} events after {_WAIT_S:g} s"
    raise Stop(Exit.UNREACHABLE, f"{text}: see `qb status`, then run it again")


def _whole(home: Home, stack: Stack) -> tuple[str, int]:
    """The generation of the table of events, and its last sequence; 0 if it is being filled again or has lost rows."""
    found = rows(home, stack, _STATE)
    if not found:
        return "", 0
    generation, last, lost = found[0]
    return str(generation), 0 if int(lost) else int(last)


def _require_whole(home: Home, stack: Stack, cut: int, generation: str) -> None:
    """What was read has all rows only if none was lost and the table is the same as before."""
    now, last = _whole(home, stack)
    if now != generation or last < cut:
        text = "the warehouse was filled again while invoices were computed, so that usage may be missing"
        raise Stop(Exit.REFUSED, f"{text}: nothing was issued; see `qb status`, then run it again")


def _read(content: bytes) -> Document:
    try:
        return read(content)
    except Malformed as error:
        raise Stop(Exit.REFUSED, f"{error}: a later version of qb wrote it") from error
