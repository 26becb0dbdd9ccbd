"""`qb reconcile`: its CSV has no formula that a vendor wrote, and its numbers are numbers."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from queuebit_cli.render_reconciliation import as_csv
from queuebit_reconciliation import Bill, BillLine, reconcile

DAY = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "=1\n=2"]
)
def test_a_text_of_a_vendor_is_no_formula(text: str) -> None:
    line = BillLine(1, text, DAY, DAY + timedelta(days=1), Decimal(1), "task", Decimal("-0.30"), "USD", text)
    found = as_csv(reconcile(Bill.of("aws", b"a bill", [line]), []))
    rows = [*csv.DictReader(io.StringIO("\r\n".join(found), newline=""))]
    assert [(it["vendor_job"], it["product"]) for it in rows] == [(f"'{text}", f"'{text}")]
    assert [(it["billed"], it["difference"]) for it in rows] == [("-0.30", "-0.30")]
