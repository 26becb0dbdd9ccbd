"""What the drill compares: invoices with a second computation from the raw log, the ledger, and I2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from queuebit_audit import Target, read_ledger
from queuebit_audit.helper import second_process
from queuebit_audit.inspection import as_operator, following
from queuebit_audit.invoices import invoices_recompute
from queuebit_audit.money import money_adds_up
from queuebit_audit.proofs import Proofs
from queuebit_audit.readings import Readings
from queuebit_audit.rows import one_truth
from queuebit_audit.sources import follow
from queuebit_audit.state import History
from queuebit_billing import Document
from queuebit_kernel import Money
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.view import Raw, View
from queuebit_testing.naive_agreements import naive_agreed
from queuebit_testing.naive_bills import NaiveBills
from queuebit_testing.naive_invoices import Message, naive_days, naive_lines

__all__ = ["Evidence", "differences", "gathered", "judged", "ledger_faults"]

_READ = ["qb.job.>", "qb.session.>", "qb.reservation.>", "qb.hybrid.>", "qb.account.>"]
_KEY = ("project", "price", "component", "unit", "currency")


@dataclass(slots=True)
class Evidence:
    """The raw log, and a price book."""

    book: str
    messages: list[Message]

    def counts(self, cut: int, end: date) -> dict[str, int]:
        """Bills, corrections, and those of a period that the log got after the period was invoiced.

        Args:
            cut: of the invoice.
            end: the day after the period.
        """
        found = {"metered": 0, "corrected": 0, "after the invoice of their period": 0}
        for it in self.messages:
            document = json.loads(it.body)
            name = document["type"].split(".")[2]
            if name in ("metered", "corrected") and not it.subject.startswith("qb.account."):
                found[name] += 1
                late = it.sequence > cut and datetime.fromisoformat(document["time"]).date() < end
                found["after the invoice of their period"] += late
        return found


async def gathered(target: Target, book: str) -> Evidence:
    """Read the messages of the log that bills and invoices follow from."""
    evidence = Evidence(book, [])

    def take(raw: Raw) -> None:
        evidence.messages.append(Message(raw.sequence, raw.stored_at, raw.subject, raw.body))

    async with as_operator(target) as bus:
        view = View(bus, "operator", _READ, take)
        await following(view, view.caught_up.wait())
    return evidence


def differences(evidence: Evidence, documents: Mapping[str, Sequence[Document]]) -> list[str]:
    """Whatever is on an invoice and does not follow from the raw log, or the other way round; empty if they agree.

    Args:
        evidence: the raw log.
        documents: the invoices by tenant, in order.
    """
    naive = NaiveBills(evidence.book)
    for message in evidence.messages:
        naive.take(message)
    found = [*naive.faults()]
    bills = naive.bills()
    for tenant, own in documents.items():
        mine = [it for it in bills if it.subject.split(".")[2] == tenant]
        before: list[tuple[date, int]] = []
        given: dict[tuple[Any, ...], Decimal] = {}
        names = [it.period for it in own]
        for document in own:
            expected, facts = naive_lines(mine, tenant, before, document.end, document.cut)
            days = naive_days(mine, tenant, document.end, document.cut)
            now = {
                (names.index(it.period), *key): quantity
                for it in own[: document.serial]
                for key, quantity in naive_agreed(evidence.book, tenant, days, it.start, it.end).items()
            }
            changed = {key: now.get(key, Decimal(0)) - given.get(key, Decimal(0)) for key in now.keys() | given.keys()}
            given = now
            texts = (*_compared(document, names, expected, facts), *_agreed(document, names, expected, changed))
            found += (f"{document.number}: {text}" for text in texts)
            before.append((document.end, document.cut))
    return found


def _compared(
    document: Document, names: Sequence[str], expected: Mapping[tuple[Any, ...], tuple[Any, ...]], facts: int
) -> Iterator[str]:
    lines = {}
    for it in document.lines:
        key = (names.index(it.period), *(getattr(it, name) for name in _KEY), Decimal(it.unit_price))
        lines[key] = (Decimal(it.quantity), Decimal(it.amount), it.facts, it.events.removeprefix("sha256:"))
    if facts != document.facts:
        yield f"{document.facts} facts are on it, and the log gives {facts}"
    for key in sorted(lines.keys() | expected.keys(), key=str):
        if (ours := expected.get(key)) != (theirs := lines.get(key)):
            yield f"{key}: it says {_short(theirs)}, and the log gives {_short(ours)}"


def _agreed(
    document: Document,
    names: Sequence[str],
    expected: Mapping[tuple[Any, ...], tuple[Any, ...]],
    changed: Mapping[tuple[Any, ...], Decimal],
) -> Iterator[str]:
    """The lines of agreements, each exactly; the total is rounded once."""
    with localcontext(prec=200):
        due = {key: quantity for key, quantity in changed.items() if quantity}
        stated: dict[tuple[Any, ...], Decimal] = {}
        for it in document.agreed:
            what = it.agreement, it.kind, it.project, it.price, it.component, Decimal(it.unit_price)
            stated[(names.index(it.period), *what)] = Decimal(it.quantity)
        for key in sorted(due.keys() | stated.keys(), key=str):
            if (ours := due.get(key)) != (theirs := stated.get(key)):
                yield f"the agreement gives {theirs} of {key}, and the log gives {ours}"
        usage = sum((amount for _, amount, _, _ in expected.values()), Decimal(0))
        agreed = sum((quantity * key[-1] for key, quantity in due.items()), Decimal(0))
        total = (usage + agreed).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
        if [Decimal(it.total) for it in document.totals] != ([total] if expected else []):
            yield f"its totals are {[it.total for it in document.totals]}, and the log gives {total}"


def _short(found: tuple[Any, ...] | None) -> str:
    return "no such line" if found is None else f"{found[1]} for {found[0]} ({found[2]} facts, {found[3][:8]})"


async def ledger_faults(target: Target) -> list[str]:
    """Facts that cannot be booked, and books that do not sum to 0."""
    booked = await read_ledger(target)
    found = list(booked.faults)
    for (tenant, project, currency), books in booked.ledger.trial():
        if (rest := sum(books.values(), Money.zero(currency))) != Money.zero(currency):
            found.append(f"the books of {tenant}/{project} sum to {rest}")
    return found


async def judged(target: Target) -> dict[str, str]:
    """I2 and I5 as `qb verify` judges them, also the product's own second computation of invoices."""
    history = History()
    async with as_operator(target) as bus:
        with second_process() as helper:
            readings = Readings(history, Proofs(target.trust), helper)
            view = follow(bus, readings)
            await following(view, view.caught_up.wait())
            await readings.finish()
        outstanding = await bus.outstanding(set(), set())
        invoiced = await invoices_recompute(bus, history.invoices, KeyValuePayloads(bus), target.book)
        rows = await target.warehouse.rows()
    money = money_adds_up(history, target.book, outstanding)
    for number, text in invoiced.faults:
        money.add(number, text)
    found = {}
    for verdict in (money, one_truth(history, rows)):
        texts = [f"{it.subject}: {it.text}" for it in verdict.findings]
        found[verdict.invariant] = "; ".join(texts[:20]) or "holds"
    return found
