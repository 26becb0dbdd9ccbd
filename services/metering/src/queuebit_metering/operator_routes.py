"""Requests of the operator that become facts about money; no other user may send them."""

from __future__ import annotations

from faststream.nats import NatsRouter

from queuebit_contracts.invoice import InvoiceAnswer, InvoiceRequest
from queuebit_contracts.query import BillAnswer, BillRequest
from queuebit_contracts.subjects import BILL_REQUEST, INVOICE_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_kernel import Malformed
from queuebit_metering.invoices import KeepInvoices
from queuebit_metering.vendor_bills import ImportBill
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, request_of

__all__ = ["invoice_requests", "vendor_bills"]


def vendor_bills(import_bill: ImportBill) -> NatsRouter:
    """Bills of vendors."""
    router = NatsRouter(middlewares=[Replies(_not_imported)])

    @router.subscriber(
        BILL_REQUEST, queue="metering", max_workers=SIDE_BY_SIDE, decoder=request_of(BillRequest), title="bill"
    )
    async def on_bill(request: BillRequest) -> BillAnswer:
        """Import a vendor's bill that was compared with our charges."""
        return await import_bill(request)

    return router


def invoice_requests(keep: KeepInvoices) -> NatsRouter:
    """Invoices and their credits."""
    router = NatsRouter(middlewares=[Replies(_not_invoiced)])

    @router.subscriber(
        INVOICE_REQUEST, queue="metering", max_workers=SIDE_BY_SIDE, decoder=request_of(InvoiceRequest), title="invoice"
    )
    async def on_invoice(request: InvoiceRequest) -> InvoiceAnswer:
        """Issue an invoice, or credit one."""
        return await keep(request)

    return router


def _not_invoiced(code: str, text: str) -> InvoiceAnswer:
    return InvoiceAnswer(errors=(Reason(code=code, text=text),))


def _not_imported(code: str, text: str) -> BillAnswer:
    again = "" if code == Malformed.code else ": make the same request again"
    return BillAnswer(errors=(Reason(code=code, text=f"{text}{again}"),))
