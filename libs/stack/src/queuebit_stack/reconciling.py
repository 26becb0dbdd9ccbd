"""Compares a vendor's bill with our charges in the warehouse, and imports the result, as the operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from queuebit_contracts.query import BillAnswer, BillRequest
from queuebit_contracts.subjects import BILL_REQUEST
from queuebit_contracts.vendor_bill import BillPart, BillSum, VendorBill
from queuebit_kernel.exact import plain, total
from queuebit_reconciliation import Kind, Outcome, OwnCharge, Reader
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to
from queuebit_stack.stack import Stack
from queuebit_stack.warehouse import rows

if TYPE_CHECKING:
    from queuebit.nats_transport import NatsTransport

__all__ = ["CHARGES", "StatedCost", "charges_of", "import_bill", "own_charges", "stated_costs", "vendor_bill"]

_UNITS = ("task", "shot", "second")
"""Price components that are units of a vendor's bill, too."""
CHARGES = """
SELECT
    tenant, job, backend, handles,
    toUnixTimestamp64Micro(coalesce(ended_at, sent_at)) AS ended_us,
    amount, currency, final, consumed
FROM vendor_charges
ORDER BY tenant, job
"""
"""Our side of a comparison: the columns that `charges_of` reads."""


_COSTS = """
SELECT vendor, period, currency, billed, own, difference, jobs, formatDateTime(changed_at, '%FT%TZ')
FROM vendor_costs
ORDER BY vendor, period DESC, currency
"""


class StatedCost(NamedTuple):
    """What a vendor's interface states for a period, and what we charged for its jobs that ended in it."""

    vendor: str
    period: str
    currency: str
    billed: Decimal
    own: Decimal
    difference: Decimal
    jobs: int
    changed_at: str


def stated_costs(home: Home, stack: Stack) -> list[StatedCost]:
    """The numbers of all vendors, newest period first.

    Raises:
        Stop: the warehouse does not answer, or refuses the query.
    """
    return [
        StatedCost(vendor, period, currency, Decimal(billed), Decimal(own), Decimal(apart), int(jobs), changed_at)
        for vendor, period, currency, billed, own, apart, jobs, changed_at in rows(home, stack, _COSTS)
    ]


def own_charges(home: Home, stack: Stack, reader: Reader, backends: Sequence[str] = ()) -> list[OwnCharge]:
    """What we charged for the jobs that ran at a vendor.

    Args:
        home: the home of the stack.
        stack: the stack; its warehouse is asked.
        reader: the reader of the vendor's bills.
        backends: patterns of backends; empty: those that the reader names.

    Raises:
        Stop: the warehouse does not answer, or refuses the query.
    """
    return charges_of(rows(home, stack, CHARGES), reader, backends)


def charges_of(charged: Sequence[Sequence[Any]], reader: Reader, backends: Sequence[str] = ()) -> list[OwnCharge]:
    """The charges in rows of `vendor_charges`, of one vendor."""
    patterns = tuple(backends) or reader.backends
    found = []
    for tenant, job, backend, handles, ended_us, amount, currency, final, consumed in charged:
        if any(fnmatchcase(backend, it) for it in patterns):
            names = dict.fromkeys(name for handle in handles for name in (*reader.vendor_jobs(handle), handle))
            ended_at = datetime.fromtimestamp(int(ended_us) // 1_000_000, UTC)
            found.append(
                OwnCharge(
                    tenant, job, tuple(names), ended_at, Decimal(amount), currency, bool(final), _quantities(consumed)
                )
            )
    return found


def vendor_bill(outcome: Outcome, by: str) -> VendorBill:
    """The figures of a comparison, as the log has them."""
    bill = outcome.bill
    return VendorBill(
        vendor=bill.vendor,
        statement=bill.statement,
        digest=bill.digest,
        period_start=bill.start,
        period_end=bill.end,
        lines=len(bill.lines),
        skipped=bill.skipped,
        compared=outcome.compared,
        accurate=outcome.accurate,
        parts=tuple(_part(outcome, kind) for kind in Kind if outcome.of(kind)),
        by=by,
    )


def import_bill(operator: NatsTransport, bill: VendorBill) -> BillAnswer:
    """Have metering append the figures.

    Raises:
        Unreachable: metering does not answer.
        Stop: the bill was imported before, or its figures contradict each other.
    """
    return answer_to(operator, BILL_REQUEST, BillRequest(bill=bill), BillAnswer, "import a bill")


def _part(outcome: Outcome, kind: Kind) -> BillPart:
    findings = outcome.of(kind)
    sides = [(it.billed, it.own) for it in findings]
    return BillPart(
        kind=kind,
        lines=sum(len(it.lines) for it in findings),
        charges=sum(len(it.charges) for it in findings),
        sums=tuple(
            BillSum(
                currency=currency,
                billed=_text([billed for billed, _ in sides], currency),
                own=_text([own for _, own in sides], currency),
            )
            for currency in sorted({name for pair in sides for side in pair for name in side})
        ),
    )


def _text(sides: Sequence[Mapping[str, Decimal]], currency: str) -> str:
    return plain(total(it[currency] for it in sides if currency in it))


def _quantities(consumed: Sequence[Sequence[Any]]) -> dict[str, Decimal]:
    found: defaultdict[str, list[Decimal]] = defaultdict(list)
    for component, quantity in consumed:
        if component in _UNITS:
            found[component].append(Decimal(quantity))
    return {unit: total(quantities) for unit, quantities in found.items()}
