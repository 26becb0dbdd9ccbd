"""Where metering's objects meet."""

from __future__ import annotations

import logging

from queuebit_kernel import SystemClock
from queuebit_metering.bills import Bills
from queuebit_metering.costs.config import BadCosts, read_costs
from queuebit_metering.costs.poller import CostPoller, readers_of
from queuebit_metering.handlers import CorrectBill, MeterJob
from queuebit_metering.hybrids import MeterHybridJobs
from queuebit_metering.invoices import KeepInvoices
from queuebit_metering.operator_routes import invoice_requests, vendor_bills
from queuebit_metering.reservations import MeterReservation
from queuebit_metering.routes import hybrid_routes, reservations, routes, sessions
from queuebit_metering.sessions import MeterSession
from queuebit_metering.settings import Settings
from queuebit_metering.vendor_bills import ImportBill
from queuebit_pricing import load
from queuebit_runtime.paced import Paced
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings

__all__ = ["create_app"]

_logger = logging.getLogger(__name__)


def create_app() -> Service:
    """Build the service from the environment.

    Raises:
        BadPriceBook: the book cannot be used; everything wrong with it at once.
    """
    settings = Settings()
    book = load(settings.price_book)
    service = Service("metering", BusSettings())
    bills = Bills(service.log, Paced(SystemClock(), most=settings.workers, linger_s=settings.linger_ms / 1000))
    meter, correct = MeterJob(service.log, bills, book), CorrectBill(service.log, book)
    service.include(routes(meter, correct, workers=settings.workers))
    service.include(sessions(MeterSession(service.log, book)))
    service.include(reservations(MeterReservation(service.log, book)))
    service.include(hybrid_routes(MeterHybridJobs(service.log, book)))
    service.include(vendor_bills(ImportBill(service.log)))
    service.include(invoice_requests(KeepInvoices(service.log, KeyValuePayloads(service.bus), book, SystemClock())))
    service.work.append(bills.run)
    costs = _costs(service, settings)
    service.detail = lambda: {"price_book": book.version, "prices": book.digest, "costs": costs}
    return service


def _costs(service: Service, settings: Settings) -> str:
    """Poll vendors for their costs, if there is a file for it; a bad file stops no bill of a job."""
    if settings.costs is None or not settings.costs.exists():
        return "off"
    try:
        wanted = read_costs(settings.costs)
    except BadCosts as error:
        _logger.error("%s: no vendor is asked for its costs; correct the file and restart metering", error)  # noqa: TRY400  # the text says all
        return f"off: {error}"
    readers = readers_of(wanted, SystemClock())
    service.work.append(CostPoller(service.log, readers, SystemClock(), wanted).run)
    return ", ".join(it.vendor for it in readers)
