"""Takes bills of vendors that the operator compared with our charges, each once."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from queuebit_contracts.query import BillAnswer, BillRequest
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.vendor_bill import BillImported, BillPart, VendorBill
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale
from queuebit_kernel.exact import difference
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["ImportBill", "faults"]

_ACCURATE = ("match", "rounding")
_HALF_A_CENT = Decimal("0.005")


class ImportBill:
    """Appends `imported`. The subject has the digest of the file and takes one event: a file is imported once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def __call__(self, request: BillRequest) -> BillAnswer:
        """Import a bill, if its figures agree with one another and its file was not imported before."""
        bill = request.bill
        if found := faults(bill):
            return BillAnswer(errors=found)
        # its id is new, or the log would take a second import for a repetition of the first, and report no error
        event = BillImported(source="qb/metering", traceparent=current_traceparent(), data=bill)
        try:
            return BillAnswer(sequence=await self._log.append(event, after=0))
        except Stale:
            first = await self._log.last(subject_of(event))
            by = f" by {first.event.data.by}" if first and isinstance(first.event, BillImported) else ""
            text = f"the bill {bill.statement} of {bill.vendor} was imported before{by}: compare again with --dry-run"
            return BillAnswer(
                sequence=0 if first is None else first.sequence, errors=(Reason(code="imported_before", text=text),)
            )


def faults(bill: VendorBill) -> tuple[Reason, ...]:
    """What in a bill contradicts itself."""
    name = f"{bill.period_start:%Y-%m-%d}_{bill.period_end:%Y-%m-%d}-{bill.digest.removeprefix('sha256:')[:12]}"
    usage = [it for it in bill.parts if it.kind != "other"]
    accurate = [it for it in usage if it.kind in _ACCURATE]
    checks = {
        f"its name must be {name}, which follows from its period and its digest": bill.statement == name,
        "its period ends before it starts": bill.period_start <= bill.period_end,
        "the lines of its parts are not all its lines": sum(it.lines for it in bill.parts) == bill.lines,
        "a reason is there twice": len({it.kind for it in bill.parts}) == len(bill.parts),
        "a part is equal, and its sums are not": all(map(_is_equal, accurate)),
        "what was compared does not follow from its parts": _can_count(usage, bill.compared),
        "what is accurate does not follow from its parts": _can_count(accurate, bill.accurate),
    }
    texts = [text for text, holds in checks.items() if not holds]
    return tuple(Reason(code="inconsistent", text=f"the bill was not imported: {it}") for it in texts)


def _can_count(parts: Sequence[BillPart], number: int) -> bool:
    """Each line counts, and each charge that no line is for."""
    lines = sum(it.lines for it in parts)
    return lines <= number <= lines + sum(it.charges for it in parts)


def _is_equal(part: BillPart) -> bool:
    """Whether both sides are the same; of a part that is rounded, up to half a cent for each line or charge."""
    most = max(part.lines, part.charges) * _HALF_A_CENT if part.kind == "rounding" else 0
    return all(difference(Decimal(it.billed), Decimal(it.own)).copy_abs() <= most for it in part.sums)
