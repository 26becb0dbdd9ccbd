"""Matches a bill with our charges. Each line and each charge is in one finding, and each finding has one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from queuebit_kernel.exact import difference, total
from queuebit_reconciliation.bill import Bill, BillLine, OwnCharge

__all__ = ["ADVICE", "GRACE", "Finding", "Kind", "Outcome", "reconcile"]

GRACE: Final = timedelta(days=3)
"""A job that ended so shortly before the last usage on a bill, or after it, may be on the next bill."""

_HALF_A_CENT: Final = Decimal("0.005")


class Kind(StrEnum):
    """Why both sides are as they are."""

    MATCH = "match"
    ROUNDING = "rounding"
    MISSING = "missing"
    EXTRA = "extra"
    CURRENCY = "currency"
    QUANTITY = "quantity"
    AMOUNT = "amount"
    LATE = "late"
    OTHER = "other"


ADVICE: Final[Mapping[Kind, str]] = MappingProxyType({
    Kind.MATCH: "Both sides have the same amount.",
    Kind.ROUNDING: "The amounts differ by half a cent at most: nothing to do, unless their sum grows.",
    Kind.MISSING: "We charged the job and the vendor does not bill it: wait for the next bill; if it is not there "
    "either, correct our charge with `qb tenant usage`.",
    Kind.EXTRA: "The vendor bills it, and no charge of this stack belongs to it: look for the job in the "
    "vendor's console, and ask the vendor for a refund if no one of yours ran it.",
    Kind.CURRENCY: "The vendor bills in another currency than the price book: amounts are not converted; add prices "
    "in that currency, or compare at your bank's rate.",
    Kind.QUANTITY: "Both sides count different usage: compare `qb job show JOB` with the vendor's page of the job; if "
    "the vendor is right, state its figure with `qb tenant usage`.",
    Kind.AMOUNT: "The amounts differ, and no quantity that both sides state: compare the price book with the vendor's "
    "price list of that day.",
    Kind.LATE: "One side is not final yet: our usage is not stated, or the job ended after the last usage on the "
    "bill, or in the three days before. Reconcile again with the next bill.",
    Kind.OTHER: "Not usage: a tax, a fee or a credit. There is no charge of ours beside it.",
})  # fmt: skip
"""What each kind means and what to do, for people."""

_SEVERITY: Final = (
    Kind.EXTRA,
    Kind.CURRENCY,
    Kind.QUANTITY,
    Kind.AMOUNT,
    Kind.MISSING,
    Kind.LATE,
    Kind.OTHER,
    Kind.ROUNDING,
    Kind.MATCH,
)
_ACCURATE: Final = (Kind.MATCH, Kind.ROUNDING)


@dataclass(frozen=True, slots=True)
class Finding:
    """Lines and charges that belong together, and why they are equal or not."""

    kind: Kind
    lines: tuple[BillLine, ...]
    charges: tuple[OwnCharge, ...]

    @property
    def billed(self) -> dict[str, Decimal]:
        """What the vendor bills, by currency."""
        return _by_currency((it.currency, it.amount) for it in self.lines)

    @property
    def own(self) -> dict[str, Decimal]:
        """What we charged, by currency."""
        return _by_currency((it.currency, it.amount) for it in self.charges if it.currency)

    @property
    def differences(self) -> dict[str, Decimal]:
        """Billed without charged, by currency: above zero, the vendor bills more than we charged."""
        billed, own = self.billed, self.own
        zero = Decimal(0)
        return {it: difference(billed.get(it, zero), own.get(it, zero)) for it in sorted({*billed, *own})}

    @property
    def weight(self) -> Decimal:
        """The greatest difference, without its sign."""
        return max((it.copy_abs() for it in self.differences.values()), default=Decimal(0))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A bill that was reconciled."""

    bill: Bill
    findings: tuple[Finding, ...]
    """Worst first."""

    @property
    def compared(self) -> int:
        """Lines for usage, and charges that no line is for."""
        return sum(len(it.lines) or len(it.charges) for it in self.findings if it.kind is not Kind.OTHER)

    @property
    def accurate(self) -> int:
        """Those of `compared` that are equal to the cent: billing accuracy is this share."""
        return sum(len(it.lines) or len(it.charges) for it in self.findings if it.kind in _ACCURATE)

    @property
    def clean(self) -> bool:
        """Whether every line and every charge is equal to the cent."""
        return self.accurate == self.compared

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        """The findings of a kind."""
        return tuple(it for it in self.findings if it.kind is kind)


def reconcile(bill: Bill, charges: Iterable[OwnCharge], grace: timedelta = GRACE) -> Outcome:
    """Match a bill line by line with our charges.

    A line belongs to the charge that has its vendor job. All lines and charges that are connected this way are one
    finding: a job in several parts, or a task with a line for its fee and one for its shots. A line without a vendor
    job is a sum: with it belong the charges that no line names and whose job ended in its time, in the shortest such
    time if there are several. Other charges count if their job ended in the period of the bill.

    Args:
        bill: the bill.
        charges: our charges; those of other periods are used only if a line names their job.
        grace: how shortly before the last usage on the bill a job may have ended to be on the next bill.
    """
    lines = sorted((it for it in bill.lines if it.usage), key=lambda it: it.number)
    other = [Finding(Kind.OTHER, (it,), ()) for it in bill.lines if not it.usage]
    named, sums, rest = _grouped(lines, sorted(charges, key=lambda it: (it.tenant, it.job)))
    windows = sorted({(it.usage_start, it.usage_end) for it in sums}, key=lambda it: (it[1] - it[0], it))
    inside: dict[tuple[datetime, datetime] | None, list[OwnCharge]] = defaultdict(list)
    for charge in rest:
        inside[next((it for it in windows if it[0] <= charge.ended_at < it[1]), None)].append(charge)
    groups = [*named, *(([it for it in sums if (it.usage_start, it.usage_end) == at], inside[at]) for at in windows)]
    found = [Finding(_kind(*group), tuple(group[0]), tuple(group[1])) for group in groups]
    known = min(bill.end, max((it.usage_end for it in lines), default=bill.end)) - grace
    alone = [Finding(_kind_alone(it, known), (), (it,)) for it in inside[None] if bill.start <= it.ended_at < bill.end]
    return Outcome(bill, tuple(sorted((*found, *alone, *other), key=_order)))


_Group = tuple[list[BillLine], list[OwnCharge]]


def _grouped(
    lines: Sequence[BillLine], charges: Sequence[OwnCharge]
) -> tuple[list[_Group], list[BillLine], list[OwnCharge]]:
    """Groups that are connected by vendor jobs; then lines that name none, and charges that no line names."""
    root: dict[str, str] = {}

    def of(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    ours = {name for charge in charges for name in charge.vendor_jobs}
    for charge in charges:
        for name in charge.vendor_jobs[1:]:
            root[of(name)] = of(charge.vendor_jobs[0])
    groups: dict[str, _Group] = {}
    sums: list[BillLine] = []
    for line in lines:
        known = next((it for it in (line.vendor_job, *line.aliases) if it in ours), line.vendor_job)
        if known:
            groups.setdefault(of(known), ([], []))[0].append(line)
        else:
            sums.append(line)
    rest: list[OwnCharge] = []
    for charge in charges:
        group = groups.get(of(charge.vendor_jobs[0])) if charge.vendor_jobs else None
        (rest if group is None else group[1]).append(charge)
    return list(groups.values()), sums, rest


def _kind(lines: Sequence[BillLine], charges: Sequence[OwnCharge]) -> Kind:
    billed = _by_currency((it.currency, it.amount) for it in lines)
    own = _by_currency((it.currency, it.amount) for it in charges if it.currency and it.amount)
    if not charges:
        return Kind.EXTRA if any(billed.values()) or any(it.vendor_job for it in lines) else Kind.MATCH
    if own and {*own} != {it for it, amount in billed.items() if amount or it in own}:
        return Kind.CURRENCY
    off = max(difference(amount, own.get(it, Decimal(0))).copy_abs() for it, amount in billed.items())
    if off == 0:
        return Kind.MATCH
    if not all(it.final for it in charges):
        return Kind.LATE
    if off <= _HALF_A_CENT:
        return Kind.ROUNDING
    return Kind.QUANTITY if _counted_apart(lines, charges) else Kind.AMOUNT


def _kind_alone(charge: OwnCharge, known: datetime) -> Kind:
    """Of a charge that no line of the bill is for; the bill should have all usage before `known`."""
    if not charge.amount and charge.final:
        return Kind.MATCH
    return Kind.LATE if not charge.final or charge.ended_at >= known else Kind.MISSING


def _counted_apart(lines: Sequence[BillLine], charges: Sequence[OwnCharge]) -> bool:
    """Whether both sides state a quantity in one unit, and not the same."""
    billed = _by_currency((it.unit, it.quantity) for it in lines if it.unit)
    own = _by_currency(pair for it in charges for pair in it.quantities.items())
    return any(own[unit] != quantity for unit, quantity in billed.items() if unit in own)


def _by_currency(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: defaultdict[str, list[Decimal]] = defaultdict(list)
    for name, amount in pairs:
        found[name].append(amount)
    return {name: total(amounts) for name, amounts in sorted(found.items())}


def _order(finding: Finding) -> tuple[object, ...]:
    lines = [it.number for it in finding.lines]
    jobs = [(it.tenant, it.job) for it in finding.charges]
    equal = finding.kind in _ACCURATE
    return equal, finding.weight.copy_negate(), _SEVERITY.index(finding.kind), lines, jobs
