"""Where metering's objects meet."""

from __future__ import annotations

from queuebit_metering.handlers import CorrectBill, MeterJob
from queuebit_metering.routes import routes
from queuebit_metering.settings import Settings
from queuebit_pricing import load
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
    meter, correct = MeterJob(service.log, book), CorrectBill(service.log, book)
    service.include(routes(meter, correct, workers=settings.workers))
    service.detail = lambda: {"price_book": book.version, "prices": book.digest}
    return service
