"""Issues and credits invoices that the operator wants: a period once, without a gap, and no more back than is owed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from queuebit_billing import Document, faults, read, unpack
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.invoice import (
    DOCUMENT_TYPE,
    CreditOrder,
    Invoice,
    InvoiceAnswer,
    InvoiceCredit,
    InvoiceCredited,
    InvoiceIssued,
    InvoiceRequest,
    IssueOrder,
    credit_number,
    number_parts,
    period_name,
)
from queuebit_contracts.subjects import invoice as invoice_aggregate
from queuebit_contracts.subjects import invoices as invoices_of
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import Clock, Malformed, Money, event_id
from queuebit_metering.doors import Denied, append_decided
from queuebit_pricing import PriceBook
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import PayloadStore
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["KeepInvoices", "next_credit", "next_invoice"]

_SOURCE = "qb/metering"


class KeepInvoices:
    """Appends invoices and credits; everything of a tenant is guarded together, so that of two at once one is refused.

    The document is stored before the fact that names it. A repeat has the same answer.
    """

    def __init__(self, log: EventLog, payloads: PayloadStore, book: PriceBook, clock: Clock) -> None:
        self._log = log
        self._payloads = payloads
        self._book = book
        self._clock = clock

    async def __call__(self, request: InvoiceRequest) -> InvoiceAnswer:
        """Issue or credit; every reason if that is refused."""
        try:
            if (request.issue is None) == (request.credit is None):
                raise Denied.because("malformed", "ask either to issue an invoice or to credit one")
            if request.issue is not None:
                return await self._issue(request.issue, request.by)
            assert request.credit is not None
            return await self._credit(request.credit, request.by)
        except Denied as error:
            return InvoiceAnswer(errors=error.reasons)

    async def _issue(self, order: IssueOrder, by: str) -> InvoiceAnswer:
        content = unpack(order.document)
        document = read(content)
        if found := faults(document):
            raise Denied(*(Reason(code="unbalanced", text=it) for it in found[:10]))
        self._require_ended(document)
        cut_at = await self._stored_at(document.cut)
        payload = await self._payloads.store(document.tenant, content, DOCUMENT_TYPE)
        event, sequence = await append_decided(
            self._log,
            invoices_of(document.tenant),
            lambda history: next_invoice(history, document, payload, cut_at, by),
        )
        return InvoiceAnswer(invoice=event.data, sequence=sequence)

    async def _credit(self, order: CreditOrder, by: str) -> InvoiceAnswer:
        try:
            tenant, period = number_parts(order.number)
            aggregate = invoice_aggregate(tenant, period)
        except ValueError as error:
            raise Denied.because("no_invoice", str(error)) from error
        event, sequence = await append_decided(self._log, aggregate, lambda history: next_credit(history, order, by))
        return InvoiceAnswer(credit=event.data, sequence=sequence)

    def _require_ended(self, document: Document) -> None:
        today = self._clock.now().astimezone(UTC).date()
        if document.end > today:
            text = f"{document.period} ends with the day before {document.end}, and today is {today} (UTC)"
            raise Denied.because("period_open", f"{text}: run it then, or with --dry-run to see it now")
        if document.price_book != self._book.digest:
            text = "metering has another price book than this invoice was computed with"
            raise Denied.because("other_book", f"{text}: restart the stack after a change of prices, then run it again")

    async def _stored_at(self, cut: int) -> datetime | None:
        if cut == 0:
            return None
        try:
            stored = await self._log.at(cut)
        except Malformed:  # a message like any other, where sequences count
            return None
        if stored is None:
            raise Denied.because("beyond_log", f"the log has no sequence {cut}: run it again, without --cut")
        return stored.stored_at


def next_invoice(
    history: Sequence[AnyEvent], document: Document, payload: Payload, cut_at: datetime | None, by: str
) -> tuple[InvoiceIssued, bool]:
    """The fact that a document is issued, and whether it is new.

    Raises:
        Denied: the period is invoiced already, is not the next one, or the document does not follow the last invoice.
    """
    issued = sorted((it for it in history if isinstance(it, InvoiceIssued)), key=lambda it: it.data.serial)
    for it in issued:
        if it.data.period == document.period:
            if it.data.document.digest == payload.digest:
                return it, False
            text = f"{document.period} of {document.tenant} is invoiced already ({it.data.number}, by {it.data.by})"
            raise Denied.because("period_closed", f"{text}: what came later will be on the next invoice")
    if issued:
        _require_next(issued[-1].data, document, len(issued))
    elif document.serial != 1:
        raise Denied.because("not_next", f"{document.tenant} has no invoice yet, and this is number {document.serial}")
    data = Invoice(
        tenant=document.tenant,
        period=document.period,
        number=document.number,
        serial=document.serial,
        start=document.start,
        end=document.end,
        cut=document.cut,
        cut_at=cut_at,
        totals=tuple(Amount.of(Money.of(it.total, it.currency)) for it in document.totals),
        facts=document.facts,
        document=payload,
        by=by,
    )
    return InvoiceIssued(
        id=event_id("invoice", data.tenant, data.period, payload.digest),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=data,
    ), True


def next_credit(history: Sequence[AnyEvent], order: CreditOrder, by: str) -> tuple[InvoiceCredited, bool]:
    """The fact that a part of an invoice is credited, and whether it is new.

    Raises:
        Denied: there is no such invoice, or less is left of it, or others credited it meanwhile.
    """
    invoice = next((it.data for it in history if isinstance(it, InvoiceIssued)), None)
    if invoice is None:
        raise Denied.because("no_invoice", f"there is no invoice {order.number}: `qb invoice list` has all")
    credited = [it for it in history if isinstance(it, InvoiceCredited)]
    wanted = order.amount.money
    for it in credited:
        if (it.data.revision, it.data.amount.money, it.data.reason) == (order.revision, wanted, order.reason):
            return it, False
    if order.revision != len(credited) + 1:
        text = f"{order.number} has {len(credited)} credits by now: look at `qb invoice show {order.number}`"
        raise Denied.because("credited_meanwhile", f"{text}, then credit it again if that is still right")
    left = _left(invoice, credited, wanted.currency)
    if wanted.amount <= 0 or wanted > left:
        text = f"{wanted} cannot be credited: {max(left, Money.zero(left.currency))} is left of {order.number}"
        raise Denied.because("credit_too_large", f"{text}; give an amount above 0 and at most that")
    data = InvoiceCredit(
        tenant=invoice.tenant,
        period=invoice.period,
        number=credit_number(invoice.number, order.revision),
        invoice=invoice.number,
        revision=order.revision,
        amount=Amount.of(wanted),
        left=Amount.of(left - wanted),
        reason=order.reason,
        by=by,
    )
    return InvoiceCredited(
        id=event_id("invoice-credit", data.tenant, data.period, str(data.revision)),
        source=_SOURCE,
        traceparent=current_traceparent(),
        data=data,
    ), True


def _left(invoice: Invoice, credited: Sequence[InvoiceCredited], currency: str) -> Money:
    """What is owed of an invoice in a currency, after its credits."""
    left = next((it.money for it in invoice.totals if it.currency == currency), Money.zero(currency))
    for it in credited:
        if it.data.amount.currency == currency:
            left -= it.data.amount.money
    return left


def _require_next(last: Invoice, document: Document, known: int) -> None:
    if document.start != last.end:
        missing = period_name(last.end, document.start) if document.start > last.end else None
        text = f"the last invoice of {document.tenant} ends with {last.period}, and {document.period} does not follow"
        hint = f"run --period {missing} first" if missing else f"periods begin at {last.end} or later"
        raise Denied.because("not_next", f"{text}: {hint}")
    previous = document.previous
    if previous is None or (previous.end, previous.cut, document.serial) != (last.end, last.cut, known + 1):
        text = f"this invoice does not begin where {last.number} ended"
        raise Denied.because("not_next", f"{text}: the warehouse did not have that invoice yet; run it again")
