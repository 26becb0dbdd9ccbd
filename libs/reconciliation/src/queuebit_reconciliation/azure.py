"""Azure's export of cost and usage details in CSV, the lines of Azure Quantum.

Source: Microsoft Cost Management, "Cost and usage details file schema" for enterprise agreements (version 2024-08-01)
and customer agreements (learn.microsoft.com, cost-management-billing/dataset-schema), read 2026-11-30. Names of columns
differ in case between agreements, and are compared without it. Files begin with a byte order mark. Dates are
`MM/DD/YYYY` or ISO. The schema has no column for a job of Azure Quantum: the reader takes `jobId` out of
`AdditionalInfo`, if it is there, and compares all other lines as sums of a day. That Azure writes it was not verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from queuebit_reconciliation.bill import Bill, BillLine
from queuebit_reconciliation.errors import BadBill
from queuebit_reconciliation.text import Cells, decoded, read_table

__all__ = ["AzureBill"]

_COLUMNS = (
    "date",
    "consumedservice",
    "metername",
    "quantity",
    "unitofmeasure",
    "costinbillingcurrency",
    "billingcurrency",
    "chargetype",
    "additionalinfo",
)
_DAYS = ("%m/%d/%Y", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ")
_HANDLE = re.compile(r"(?P<base>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<total>[1-9]\d?)(\.(?P<made>[1-9]\d?))?")
"""As the plugin of Azure writes it: of a submission some of whose jobs were never made, `made` says how many were."""
_SERVICE = "microsoft.quantum"
_UNITS = {"1 second": "second", "seconds": "second", "1 shot": "shot", "1": ""}


class AzureBill:
    """Reads an export. Lines of other services than Azure Quantum are counted and left out."""

    vendor = "azure"
    backends = ("azure-*",)

    def recognises(self, content: bytes) -> bool:
        """Whether its first line has columns of an export."""
        return b"costinbillingcurrency" in content[:4096].split(b"\n", 1)[0].lower()

    def read(self, content: bytes) -> Bill:
        """The lines of Azure Quantum."""
        head, newline, rest = decoded(content, bom=True).partition("\n")
        rows = [*read_table(f"{head.lower()}{newline}{rest}", _COLUMNS)]
        ours = [it for it in rows if it.text("consumedservice", empty=True).lower() == _SERVICE]
        if not ours:
            raise BadBill(
                f"no line has the consumed service {_SERVICE}: there is nothing of Azure Quantum in this file"
            )
        return Bill.of(self.vendor, content, _lines(ours), len(rows) - len(ours), _period(ours))

    def vendor_jobs(self, handle: str) -> tuple[str, ...]:
        """The ids of the jobs of a submission: each follows from the base in the handle and the number of its item."""
        if (found := _HANDLE.fullmatch(handle)) is None:
            return (handle,)
        made = int(found["made"] or found["total"])
        return tuple(str(uuid5(UUID(found["base"]), str(it))) for it in range(made))


def _lines(rows: list[Cells]) -> Iterator[BillLine]:
    for row in rows:
        day = row.moment("date", *_DAYS)
        kind = row.text("chargetype")
        unit = row.text("unitofmeasure", empty=True).lower()
        yield BillLine(
            number=row.line,
            vendor_job=_job(row),
            usage_start=day,
            usage_end=day + timedelta(days=1),
            quantity=row.decimal("quantity"),
            unit=_UNITS.get(unit, unit),
            amount=row.decimal("costinbillingcurrency"),
            currency=row.currency("billingcurrency"),
            product=row.text("metername", empty=True) or kind,
            usage=kind.lower() == "usage",
        )


def _period(rows: list[Cells]) -> Iterator[datetime]:
    """What the vendor states; its last day is part of the period."""
    for row in rows:
        if row.optional("billingperiodstartdate") and row.optional("billingperiodenddate"):
            yield row.moment("billingperiodstartdate", *_DAYS)
            yield row.moment("billingperiodenddate", *_DAYS) + timedelta(days=1)


def _job(row: Cells) -> str:
    text = row.text("additionalinfo", empty=True)
    if not text:
        return ""
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise row.fault("additionalinfo", "this is not JSON: use the file as it was downloaded") from error
    wanted = {key.lower(): value for key, value in found.items()} if isinstance(found, dict) else {}
    return str(wanted.get("jobid", ""))
