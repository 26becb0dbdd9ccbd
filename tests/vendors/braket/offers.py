"""A price book as the offer file of AWS, which `braket.tracking.Tracker` reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler

from queuebit_pricing import Price, PriceBook, Unpriced, plain

__all__ = ["Offers", "offers"]

_COLUMNS = (
    "Region Code",
    "DeviceName",
    "Device Name",
    "Version",
    "operation",
    "Product Family",
    "Unit",
    "PricePerUnit",
    "Currency",
)
_METADATA = ("FormatVersion", "Disclaimer", "Publication Date", "Version", "OfferCode")
_MINUTE = Decimal(60)


def offers(book: PriceBook, devices: Mapping[str, str], at: datetime, region: str) -> str:
    """Write the prices of devices as AWS's CSV: five rows of metadata, the names of the columns, the prices.

    A task inside a hybrid job of AWS has product families of its own, at the same price. Devices without a price get no
    row.

    Args:
        book: whose prices are written.
        devices: ARNs by backend.
        at: when the prices are valid.
        region: of devices whose ARN names none.
    """
    text = io.StringIO()
    csv.writer(text).writerows([[it, "Queuebit"] for it in _METADATA])
    writer = csv.DictWriter(text, _COLUMNS, restval="")
    writer.writeheader()
    for backend, arn in devices.items():
        try:
            price = book.price_for(backend, at)
        except Unpriced:
            continue
        where = {"Region Code": arn.split(":")[3] or region, "Currency": price.currency}
        writer.writerows({**where, **it} for it in _rows(price, arn))
    return text.getvalue()


def _rows(price: Price, arn: str) -> Iterable[dict[str, str]]:
    name = arn.rsplit("/", maxsplit=1)[-1]
    if "/quantum-simulator/" in arn:
        assert price.per_second is not None
        unit = {"Version": name.upper(), "Unit": "minutes", "PricePerUnit": plain(price.per_second.amount * _MINUTE)}
        yield {**unit, "Product Family": "Simulator Task", "operation": "CompleteTask"}
        yield {**unit, "Product Family": "Braket Managed Jobs Simulator Task", "operation": "Managed-Jobs"}
        return
    name = (name[0].upper() + name[1:]).replace("Ibex", "IBEX")
    for column, task, shot in (
        ("DeviceName", "Quantum Task", "Quantum Task-Shot"),
        ("Device Name", "Braket Managed Jobs QPU Task", "Braket Managed Jobs QPU Task Shot"),
    ):
        for family, per, amount in ((task, "Task", price.per_task), (shot, "Shot", price.per_shot)):
            yield {column: name, "Product Family": family, "Unit": per, "PricePerUnit": plain(amount or Decimal(0))}


class Offers(BaseHTTPRequestHandler):
    """Answers each request with the offer file."""

    text = ""

    def do_GET(self) -> None:
        """Send it."""
        content = type(self).text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
