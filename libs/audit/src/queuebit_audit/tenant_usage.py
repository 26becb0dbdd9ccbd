"""The usage facts of a tenant as sums for invoices: code of its own, beside the statements of the warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple

from queuebit_billing import Bounds, Usage
from queuebit_billing.queries import UsageSum
from queuebit_contracts.billing import Charge
from queuebit_contracts.catalog import decode
from queuebit_contracts.hybrid import HybridMetered
from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_contracts.reservation import ReservationMetered
from queuebit_contracts.session import SessionMetered
from queuebit_kernel import Malformed, digest
from queuebit_kernel.exact import difference, total
from queuebit_pricing import Consumed
from queuebit_runtime.view import Raw

__all__ = ["USAGE_FACTS", "TenantUsage"]

USAGE_FACTS = (JobMetered, JobCorrected, SessionMetered, HybridMetered, ReservationMetered)
"""What invoices include."""
_ZERO = Decimal(0)


class _Priced(NamedTuple):
    project: str
    price: str
    component: str
    unit: str
    currency: str
    unit_price: Decimal


_Sums = Mapping[_Priced, tuple[Decimal, Decimal]]
"""Quantity and amount by what they are charged for."""


class _Change(NamedTuple):
    """What one fact adds to an invoice."""

    sequence: int
    due: datetime
    first_at: datetime
    id: str
    sums: _Sums


@dataclass(slots=True)
class _Bills:
    """The bills of one job so far."""

    project: str
    first_at: datetime
    due: datetime
    sums: _Sums


@dataclass(slots=True)
class TenantUsage:
    """All usage facts of a tenant, in the order of the log."""

    changes: list[_Change] = field(default_factory=list)
    _jobs: dict[str, _Bills] = field(default_factory=dict)

    def take(self, raw: Raw) -> None:
        """Take the next message of a view."""
        self.add(raw.subject, raw.body, raw.sequence, raw.stored_at)

    def add(self, subject: str, body: bytes, sequence: int, stored_at: datetime) -> None:
        """Add the next message; one that breaks its contract is no fact, and a finding elsewhere."""
        try:
            event = decode(body, subject)
        except Malformed:
            return
        if not isinstance(event, USAGE_FACTS):
            return
        at = min(event.time, stored_at)
        project, charge = event.data.project, event.data.charge
        job = event.data.job if isinstance(event, JobMetered | JobCorrected) else None
        before = self._jobs.get(job) if job else None
        bills = _Bills(project, at, at, _sums(project, charge))
        changed = bills.sums
        if before is not None:
            bills = _Bills(before.project, before.first_at, max(before.due, at), _sums(before.project, charge))
            changed = _less(bills.sums, before.sums)
        if job:
            self._jobs[job] = bills
        self.changes.append(_Change(sequence, bills.due, bills.first_at, event.id, changed))

    def within(self, bounds: Bounds) -> Usage:
        """The sums within the bounds of an invoice."""
        ends = [_midnight(it) for it in (*(it.end for it in bounds.earlier), bounds.end)]
        cut = bounds.earlier[-1].cut if bounds.earlier else 0
        found: dict[tuple[int, _Priced], list[tuple[str, Decimal, Decimal]]] = defaultdict(list)
        facts = 0
        for it in self._until(bounds):
            if bounds.earlier and it.due < ends[-2] and it.sequence <= cut:
                continue
            facts += 1
            origin = next(place for place, end in enumerate(ends) if it.first_at < end)
            for priced, (quantity, amount) in it.sums.items():
                found[origin, priced].append((it.id, quantity, amount))
        return Usage([_line(origin, priced, parts) for (origin, priced), parts in found.items()], facts)

    def daily(self, bounds: Bounds, since: date) -> tuple[list[Consumed], Mapping[str, str]]:
        """The sums of each day, whatever invoice they are on."""
        found: dict[tuple[date, _Priced], list[tuple[Decimal, Decimal]]] = defaultdict(list)
        for it in self._until(bounds):
            if (day := it.first_at.astimezone(UTC).date()) >= since:
                for priced, sums in it.sums.items():
                    found[day, priced].append(sums)
        rows = [
            Consumed(
                day=day,
                project=priced.project,
                price=priced.price,
                component=priced.component,
                unit=priced.unit,
                quantity=total(quantity for quantity, _ in sums),
                unit_price=priced.unit_price,
                amount=total(amount for _, amount in sums),
            )
            for (day, priced), sums in found.items()
        ]
        return rows, {priced.price: priced.currency for _, priced in found}

    def _until(self, bounds: Bounds) -> Iterator[_Change]:
        end = _midnight(bounds.end)
        return (it for it in self.changes if it.sequence <= bounds.cut and it.due < end)


def _line(origin: int, priced: _Priced, parts: Sequence[tuple[str, Decimal, Decimal]]) -> UsageSum:
    ids = sorted(it.encode() for it, _, _ in parts)
    return UsageSum(
        origin=origin,
        project=priced.project,
        price=priced.price,
        component=priced.component,
        unit=priced.unit,
        currency=priced.currency,
        unit_price=priced.unit_price,
        quantity=total(quantity for _, quantity, _ in parts),
        amount=total(amount for _, _, amount in parts),
        facts=len(ids),
        events=digest(b"\n".join(ids)),
    )


def _sums(project: str, charge: Charge) -> _Sums:
    found: dict[_Priced, tuple[Decimal, Decimal]] = {}
    parts = [
        (
            _Priced(project, it.price, it.component, it.unit, charge.currency, Decimal(it.unit_price)),
            it.billed,
            it.amount,
        )
        for it in charge.lines
    ]
    if not parts:  # version 0.1 may have charged without lines
        parts = [(_Priced(project, "", "charge", "Charges", charge.currency, Decimal(1)), charge.amount, charge.amount)]
    for priced, billed, amount in parts:
        before = found.get(priced, (_ZERO, _ZERO))
        found[priced] = (total((before[0], Decimal(billed))), total((before[1], Decimal(amount))))
    return {priced: it for priced, it in found.items() if any(it)}


def _less(new: _Sums, old: _Sums) -> _Sums:
    changed = {}
    for priced in [*new, *(it for it in old if it not in new)]:
        late, early = new.get(priced, (_ZERO, _ZERO)), old.get(priced, (_ZERO, _ZERO))
        if late != early:
            changed[priced] = (difference(late[0], early[0]), difference(late[1], early[1]))
    return changed


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
