"""IBM Cloud's usage of instances in CSV, the lines of Qiskit Runtime.

Source: IBM Cloud Docs, "Understanding the usage report" (cloud.ibm.com/docs/account?topic=account-understand-reports),
read 2026-11-30: two lines about the account, an empty line, then a line for each metric of each instance and month. IBM
bills instances, not jobs: all lines are compared as sums of the month. The documentation does not show the currency
beside each amount; it is read from `Currency`, in the lines about the account or in the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from queuebit_reconciliation.bill import Bill, BillLine
from queuebit_reconciliation.errors import BadBill
from queuebit_reconciliation.text import Cells, decoded, read_table

__all__ = ["IbmBill"]

_ACCOUNT = ("Account Owner ID", "Billing Month", "Currency")
_COLUMNS = ("Instance Name", "Service Name", "Plan Name", "Usage Quantity", "Cost", "Billing Month")
_SERVICES = ("quantum", "qiskit")
_UNITS = {"second": "second", "seconds": "second"}


class IbmBill:
    """Reads a usage report. Lines of other services than Qiskit Runtime are counted and left out."""

    vendor = "ibm"
    backends = ("ibm-*",)

    def recognises(self, content: bytes) -> bool:
        """Whether its first line is about an account of IBM Cloud."""
        return b"Account Owner ID" in content[:4096].split(b"\n", 1)[0]

    def read(self, content: bytes) -> Bill:
        """The lines of Qiskit Runtime."""
        lines = decoded(content).splitlines(keepends=True)
        gap = next((at for at, it in enumerate(lines) if not it.strip(" ,\r\n")), None)
        if gap is None:
            raise BadBill("there is no empty line between the account and the usage: download the report again", 1)
        account = next(read_table("".join(lines[:gap]), _ACCOUNT), None)
        if account is None:
            raise BadBill("there is no line about the account: download the report again", 2)
        rows = [*read_table("".join(lines[gap + 1 :]), _COLUMNS, first_line=gap + 2)]
        ours = [it for it in rows if any(word in it.text("Service Name").lower() for word in _SERVICES)]
        if not ours:
            raise BadBill("no line is of Qiskit Runtime: there is nothing of IBM Quantum in this report")
        return Bill.of(self.vendor, content, _lines(ours, account.currency("Currency")), len(rows) - len(ours))

    def vendor_jobs(self, handle: str) -> tuple[str, ...]:
        """The id of the job; IBM's reports do not name it."""
        return (handle,)


def _lines(rows: list[Cells], currency: str) -> Iterator[BillLine]:
    for row in rows:
        month = row.moment("Billing Month", "%Y-%m")
        unit = row.optional("Unit").lower()
        yield BillLine(
            number=row.line,
            vendor_job="",
            usage_start=month,
            usage_end=_next(month),
            quantity=row.decimal("Usage Quantity"),
            unit=_UNITS.get(unit, unit),
            amount=row.decimal("Cost"),
            currency=row.currency("Currency") if row.optional("Currency") else currency,
            product=f"{row.text('Service Name')}, {row.text('Plan Name', empty=True)}, {row.text('Instance Name')}",
        )


def _next(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
