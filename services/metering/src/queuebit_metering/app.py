"""Where metering's objects meet."""

from __future__ import annotations

from queuebit_kernel import SystemClock
from queuebit_metering.bills import Bills
from queuebit_metering.handlers import CorrectBill, MeterJob
from queuebit_metering.hybrids import MeterHybridJobs
from queuebit_metering.routes import hybrid_routes, routes, sessions
from queuebit_metering.sessions import MeterSession
from queuebit_metering.settings import Settings
from queuebit_pricing import load
from queuebit_runtime.paced import Paced
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings

__all__ = ["create_app"]


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
    service.include(hybrid_routes(MeterHybridJobs(service.log, book)))
    service.work.append(bills.run)
    service.detail = lambda: {"price_book": book.version, "prices": book.digest}
    return service
