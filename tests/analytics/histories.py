"""Drawn histories of charges, as messages of the log and as what a person would compute from them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any

from hypothesis import strategies as st

from .warehouse import event

__all__ = ["Bill", "Charged", "Line", "entries", "histories", "messages"]

EXACT = Context(prec=120, traps=[Inexact])
START = datetime(2026, 10, 1, 9, tzinfo=UTC)
_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Line:
    component: str
    consumed: Decimal
    billed: Decimal
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return EXACT.multiply(self.billed, self.price)

    @property
    def overhead(self) -> tuple[Decimal, Decimal]:
        """What was consumed and not billed: the quantity, and its list price."""
        quantity = max(EXACT.subtract(self.consumed, self.billed), Decimal(0))
        return quantity, EXACT.multiply(quantity, self.price)


@dataclass(frozen=True)
class Bill:
    lines: tuple[Line, ...]
    extra: Decimal = Decimal(0)
    """A part of the amount that no line explains."""

    @property
    def amount(self) -> Decimal:
        total = self.extra
        for it in self.lines:
            total = EXACT.add(total, it.amount)
        return total


@dataclass(frozen=True)
class Charged:
    """A job, a hybrid job or the idle time of a session, with its bills in order."""

    kind: str
    project: str
    user: str
    tags: tuple[str, ...]
    day: int
    bills: tuple[Bill, ...]
    again: bool = field(default=False)
    """Whether its client submits it again after its acceptance, with other tags and another class."""
    workload_class: str = field(default="")


_quantity = st.decimals(0, 10**6, places=6, allow_nan=False)
_price = st.decimals(0, 100, places=12, allow_nan=False)


@st.composite
def _bills(draw: st.DrawFn, components: tuple[str, ...], most: int) -> tuple[Bill, ...]:
    prices = {it: draw(_price) for it in components}
    found = []
    for _ in range(draw(st.integers(1, most))):
        used = draw(st.lists(st.sampled_from(components), unique=True, max_size=len(components)))
        lines = tuple(Line(it, draw(_quantity), draw(_quantity), prices[it]) for it in used)
        found.append(Bill(lines, draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("0.000000000000000007")]))))
    return tuple(found)


@st.composite
def histories(draw: st.DrawFn) -> list[Charged]:
    """Some jobs with corrections, hybrid jobs, sessions and reservations, of two projects and users."""
    found = []
    for kind in draw(
        st.lists(st.sampled_from(("job", "job", "hybrid", "session", "reservation")), min_size=2, max_size=16)
    ):
        components = {
            "job": ("task", "shot", "second"), "hybrid": ("classical_second",),
            "session": ("session_idle_second", "session_second"),
            "reservation": ("reserved_second", "reserved_idle_second"),
        }[kind]  # fmt: skip
        tags = draw(st.lists(st.sampled_from(("a", "b", "c", "d", "e", "f", "g")), unique=True, max_size=7))
        found.append(
            Charged(
                kind=kind,
                project=draw(st.sampled_from(("one", "two"))),
                user=draw(st.sampled_from(("ann", "bob"))),
                tags=() if kind in ("session", "reservation") else tuple(sorted(tags)),
                day=draw(st.integers(0, 3)),
                bills=draw(_bills(components, 3 if kind == "job" else 1)),
                again=draw(st.booleans()),
            )
        )
    return found


def messages(tenant: str, history: list[Charged]) -> Iterator[tuple[str, bytes]]:
    """The messages of a history, in the order of the log."""
    for number, one in enumerate(history):
        id_, at = f"{one.kind[0]}{number}", START + timedelta(days=one.day)
        yield from _origin(tenant, id_, one, at)
        first, *corrections = one.bills
        whose = {"tenant": tenant, "project": one.project, one.kind: id_, "price_book": _DIGEST}
        ends = {"state": "completed", "ended_at": at.isoformat()} if one.kind != "session" else {
            "closed_at": at.isoformat(), "idle_s": 1}  # fmt: skip
        yield event(
            f"qb.{one.kind}.{tenant}.{id_}.metered", f"qb.{one.kind}.metered.v1", at, **whose, **ends,
            charge=_charge(first), usage={"shots": 1, "qpu_us": 2, "qubits": 3, "final": True},
        )  # fmt: skip
        before = first
        for revision, bill in enumerate(corrections, 1):
            delta = EXACT.subtract(bill.amount, before.amount)
            yield event(
                f"qb.job.{tenant}.{id_}.corrected.{revision}", "qb.job.corrected.v1", at + timedelta(hours=revision),
                **whose, revision=revision, report=revision, reason="a test", final=True, charge=_charge(bill),
                delta={"amount": f"{delta:f}", "currency": "USD", "jbu": "0", "lines": []},
            )  # fmt: skip
            before = bill


def _origin(tenant: str, id_: str, one: Charged, at: datetime) -> Iterator[tuple[str, bytes]]:
    subject, whose = f"qb.{one.kind}.{tenant}.{id_}", {"tenant": tenant, one.kind: id_}
    if one.kind == "reservation":
        yield event(f"{subject}.booked", "qb.reservation.booked.v1", at, **whose, project=one.project, user=one.user)
        return
    if one.kind == "session":
        yield event(f"{subject}.opened", "qb.session.opened.v1", at, **whose, project=one.project, user=one.user)
        return
    submission: dict[str, Any] = {**whose, "project": one.project, "tags": [*one.tags], "label": f"{id_}.qasm"}
    if one.workload_class:
        submission["workload_class"] = one.workload_class
    yield event(f"{subject}.submitted", f"qb.{one.kind}.submitted.v1", at, **submission)
    yield event(f"{subject}.accepted", f"qb.{one.kind}.accepted.v1", at, **whose, project=one.project, user=one.user)
    if one.again and one.kind == "job":
        altered = {**submission, "tags": ["z"], "user": "eve", "project": "three", "workload_class": "z"}
        yield event(f"{subject}.submitted", "qb.job.submitted.v1", at + timedelta(minutes=1), **altered)


def _charge(bill: Bill) -> dict[str, Any]:
    lines = [
        {
            "price": "p1", "component": it.component, "unit": "Units", "consumed": f"{it.consumed:f}",
            "billed": f"{it.billed:f}", "unit_price": f"{it.price:f}", "amount": f"{it.amount:f}",
        }
        for it in bill.lines
    ]  # fmt: skip
    return {"amount": f"{bill.amount:f}", "currency": "USD", "jbu": "0", "lines": lines}


@dataclass(frozen=True)
class Entry:
    """An amount of one category."""

    category: str
    project: str
    user: str
    tag: str
    day: int
    quantity: int
    """In units of 1e-18."""
    amount: int
    """In units of 1e-36."""


def entries(history: list[Charged]) -> Iterator[Entry]:
    """All parts of all charges, by whole numbers: every bill against the one before it, each shared by its tags."""
    for one in history:
        before = Bill(())
        for bill in one.bills:
            for component in sorted({it.component for it in (*bill.lines, *before.lines)} | {"other"}):
                category = "idle" if component in ("session_idle_second", "reserved_idle_second") else "allocated"
                new, old = _part(bill, component), _part(before, component)
                yield from _shared(one, category, new[0] - old[0], new[1] - old[1])
                yield from _shared(one, "overhead", new[2] - old[2], new[3] - old[3])
            before = bill


def _part(bill: Bill, component: str) -> tuple[int, int, int, int]:
    if component == "other":
        return 0, _whole(bill.extra, 36), 0, 0
    line = next((it for it in bill.lines if it.component == component), None)
    if line is None:
        return 0, 0, 0, 0
    quantity, amount = line.overhead
    return _whole(line.billed, 18), _whole(line.amount, 36), _whole(quantity, 18), _whole(amount, 36)


def _whole(value: Decimal, places: int) -> int:
    return int(EXACT.scaleb(value, places))


def _shared(one: Charged, category: str, quantity: int, amount: int) -> Iterator[Entry]:
    tags = one.tags or ("",)
    parts = [(it, _divided(quantity, len(tags)), _divided(amount, len(tags))) for it in tags]
    rest = (quantity - sum(it[1] for it in parts), amount - sum(it[2] for it in parts))
    for tag, some, cost in (*parts, ("(rounding)", *rest)):
        if some or cost:
            yield Entry(category, one.project, one.user, tag, one.day, some, cost)


def _divided(value: int, by: int) -> int:
    """Toward zero."""
    return -(-value // by) if value < 0 else value // by
