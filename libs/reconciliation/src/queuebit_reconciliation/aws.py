"""Amazon's Cost and Usage Report (CUR) in CSV, the lines of Amazon Braket.

Source: AWS Data Exports user guide, "Line item details" and "Identity details" (docs.aws.amazon.com/cur), read
2026-11-30. Both spellings of the columns are read: `lineItem/UnblendedCost` of the legacy report and
`line_item_unblended_cost` of CUR 2.0. The report must be made with resource ids; `lineItem/ResourceId` is then the ARN
of a quantum task. That Braket fills it was not verified: no account exists where this was written. Lines without it are
compared as sums.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from queuebit_reconciliation.bill import Bill, BillLine
from queuebit_reconciliation.errors import BadBill
from queuebit_reconciliation.text import Cells, decoded, read_table

__all__ = ["AwsBill", "aws_lines"]

_PERIOD = ("bill/BillingPeriodStartDate", "bill/BillingPeriodEndDate")
_COLUMNS = (
    *_PERIOD,
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
    "lineItem/ProductCode",
    "lineItem/UsageType",
    "lineItem/ResourceId",
    "lineItem/UsageAmount",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
)
_UNIT, _TOKEN = "pricing/unit", "resourceTags/user:queuebit-token"
"""Columns that may be missing. The plugin of Braket tags each task with the name of its submission."""
_PRODUCT = "AmazonBraket"
_FORMS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")
_USAGE = frozenset({"Usage", "DiscountedUsage"})
_UNITS = {"task": "task", "tasks": "task", "shot": "shot", "shots": "shot", "second": "second", "seconds": "second"}


class AwsBill:
    """Reads a Cost and Usage Report. Lines of other products than Braket are counted and left out."""

    vendor = "aws"
    backends = ("braket-*",)

    def recognises(self, content: bytes) -> bool:
        """Whether its first line has columns of a Cost and Usage Report."""
        head = content[:4096].split(b"\n", 1)[0].lower()
        return b"lineitem/" in head or b"line_item_" in head

    def read(self, content: bytes) -> Bill:
        """The lines of Braket."""
        ours, others, names = _rows(content)
        if not ours:
            raise BadBill(f"no line has the product {_PRODUCT}: there is nothing of Amazon Braket in this report")
        period = [row.moment(names[it], *_FORMS) for row in ours for it in _PERIOD]
        return Bill.of(self.vendor, content, _lines(ours, names), others, period)

    def vendor_jobs(self, handle: str) -> tuple[str, ...]:
        """The ARN of the task; of several tasks, the folder of the submission, which the tag names."""
        return (handle,)


def aws_lines(content: bytes) -> list[BillLine]:
    """The lines of Braket in one file of a report in several files; it may have none.

    Raises:
        BadBill: any part of it cannot be read.
    """
    ours, _, names = _rows(content)
    return [*_lines(ours, names)]


def _rows(content: bytes) -> tuple[list[Cells], int, dict[str, str]]:
    """The rows of Braket, how many others there are, and the names of the columns."""
    text = decoded(content)
    legacy = "lineItem/" in text.split("\n", 1)[0]
    names = {it: it if legacy else _second(it) for it in (*_COLUMNS, _UNIT, _TOKEN)}
    ours, others = [], 0
    for it in read_table(text, [names[it] for it in _COLUMNS]):
        if it.text(names["lineItem/ProductCode"], empty=True) == _PRODUCT:
            ours.append(it)
        else:
            others += 1
    return ours, others, names


def _second(name: str) -> str:
    """The name of a column in CUR 2.0."""
    group, _, column = name.partition("/")
    joined = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", f"{group}_{column}").lower()
    return re.sub(r"[^a-z0-9]+", "_", joined)


def _lines(rows: list[Cells], names: dict[str, str]) -> Iterator[BillLine]:
    for row in rows:
        kind = row.text(names["lineItem/LineItemType"])
        usage = row.text(names["lineItem/UsageType"], empty=True)
        token = row.optional(names[_TOKEN])
        start, end = (row.moment(names[f"lineItem/Usage{it}Date"], *_FORMS) for it in ("Start", "End"))
        yield BillLine(
            number=row.line,
            vendor_job=row.text(names["lineItem/ResourceId"], empty=True),
            usage_start=start,
            usage_end=_after(row, names["lineItem/UsageEndDate"], start, end),
            quantity=row.decimal(names["lineItem/UsageAmount"]),
            unit=_UNITS.get(found := row.optional(names[_UNIT]).lower(), found),
            amount=row.decimal(names["lineItem/UnblendedCost"]),
            currency=row.currency(names["lineItem/CurrencyCode"]),
            product=usage or kind,
            aliases=(f"queuebit/{token}",) if token else (),
            usage=kind in _USAGE,
        )


def _after(row: Cells, name: str, start: datetime, end: datetime) -> datetime:
    if end < start:
        raise row.fault(name, "the usage ends before it starts")
    return end
