"""A second way to invoice, over the raw messages of the log: slow, in one obvious loop, and sharing no code."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, getcontext
from typing import Any

__all__ = ["Message", "naive_days", "naive_lines"]

_FIRST_BILLS = ("qb.job.metered.v1", "qb.session.metered.v1", "qb.hybrid.metered.v1", "qb.reservation.metered.v1")
_CORRECTION = "qb.job.corrected.v1"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the log."""

    sequence: int
    stored_at: datetime
    subject: str
    body: bytes


def _usage(messages: list[Message], tenant: str) -> list[tuple[Message, dict[str, Any], list[dict[str, Any]]]]:
    """Each usage fact with the bills of its job before it, the first one first."""
    bills: dict[str, list[dict[str, Any]]] = defaultdict(list)
    found = []
    for message in sorted({it.sequence: it for it in messages}.values(), key=lambda it: it.sequence):
        document = json.loads(message.body)
        if not re.match(rf"\w+\.\w+\.{tenant}\.", message.subject) or document["type"] not in (
            *_FIRST_BILLS,
            _CORRECTION,
        ):
            continue
        document["at"] = min(datetime.fromisoformat(document["time"]), message.stored_at)
        earlier: list[dict[str, Any]] = []
        if job := document["data"].get("job"):
            earlier = list(bills[job])
            bills[job].append(document)
        found.append((message, document, earlier))
    return found


def naive_lines(
    messages: list[Message], tenant: str, issued: list[tuple[date, int]], end: date, cut: int
) -> tuple[dict[tuple[Any, ...], tuple[Decimal, Decimal, int, str]], int]:
    """The lines of an invoice by key, and the number of usage facts on it.

    Args:
        messages: of the log, in any order; copies count once.
        tenant: whose.
        issued: ends and cuts of the invoices before.
        end: of the period.
        cut: of the invoice.
    """
    getcontext().prec = 200
    ends = [datetime.combine(it, time(), UTC) for it in (*(it[0] for it in issued), end)]
    quantities: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    amounts: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    ids: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    count = 0
    for message, document, earlier in _usage([it for it in messages if it.sequence <= cut], tenant):
        due = max(it["at"] for it in (*earlier, document))
        was_issued = issued and due < ends[-2] and message.sequence <= issued[-1][1]
        if due >= ends[-1] or was_issued:
            continue
        count += 1
        first = earlier[0] if earlier else document
        origin = next(place for place, it in enumerate(ends) if first["at"] < it)
        for change, (quantity, amount) in _changes(document, earlier).items():
            key = (origin, first["data"]["project"], *change)
            if quantity or amount:
                quantities[key] += quantity
                amounts[key] += amount
                ids[key].append(document["id"])
    hashes = {key: hashlib.sha256("\n".join(sorted(it)).encode()).hexdigest() for key, it in ids.items()}
    return {key: (quantities[key], amounts[key], len(ids[key]), hashes[key]) for key in ids}, count


def naive_days(
    messages: list[Message], tenant: str, end: date, cut: int
) -> dict[tuple[date, str, str, str, Decimal], Decimal]:
    """Quantities by day of the first bill, project, price, component and unit price: all that an invoice may look at.

    Args:
        messages: of the log, in any order; copies count once.
        tenant: whose.
        end: of the invoice's period.
        cut: of the invoice.
    """
    getcontext().prec = 200
    until = datetime.combine(end, time(), UTC)
    sums: dict[tuple[date, str, str, str, Decimal], Decimal] = defaultdict(Decimal)
    for _, document, earlier in _usage([it for it in messages if it.sequence <= cut], tenant):
        if max(it["at"] for it in (*earlier, document)) >= until:
            continue
        first = earlier[0] if earlier else document
        for (price, component, _, _, unit_price), (quantity, _) in _changes(document, earlier).items():
            sums[first["at"].date(), first["data"]["project"], price, component, unit_price] += quantity
    return {key: quantity for key, quantity in sums.items() if quantity}


def _changes(
    document: dict[str, Any], earlier: list[dict[str, Any]]
) -> dict[tuple[str, str, str, str, Decimal], tuple[Decimal, Decimal]]:
    """Quantity and amount that a bill adds to the one before: by price, component, unit, currency and unit price."""
    changes: dict[tuple[str, str, str, str, Decimal], tuple[Decimal, Decimal]] = {}
    for sign, bill in ((1, document), (-1, earlier[-1] if earlier else None)):
        charge = bill["data"]["charge"] if bill else {}
        lines = charge.get("lines") or []
        if not lines and Decimal(charge.get("amount", "0")):
            whole = {"price": "", "component": "charge", "unit": "Charges", "unit_price": "1"}
            lines = [{**whole, "billed": charge["amount"], "amount": charge["amount"]}]
        for line in lines:
            key = (line["price"], line["component"], line["unit"], charge["currency"], Decimal(line["unit_price"]))
            before = changes.get(key, (Decimal(0), Decimal(0)))
            changes[key] = (before[0] + sign * Decimal(line["billed"]), before[1] + sign * Decimal(line["amount"]))
    return changes
