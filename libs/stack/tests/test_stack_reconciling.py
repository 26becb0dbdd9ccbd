"""The figures of a comparison, as the log has them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from queuebit_reconciliation import Bill, BillLine, reconcile
from queuebit_stack.reconciling import vendor_bill

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def test_sums_have_all_their_digits() -> None:
    amounts = ("123456789012345678", "0.000000000000000001")
    lines = [
        BillLine(at, "", START, END, Decimal(1), "", Decimal(it), "USD", "QPU") for at, it in enumerate(amounts, 1)
    ]
    bill = Bill.of("ionq", b"a bill", lines)
    (part,) = vendor_bill(reconcile(bill, []), "ada").parts
    assert [(it.billed, it.own) for it in part.sums] == [("123456789012345678.000000000000000001", "0")]
