"""A second way to apply agreements, over daily sums and the text of a price book, sharing no code.

Units lie on a line in the order in which they were consumed: each row takes the piece of the line from what its window
consumed before to what it consumed after. A part of an agreement is a piece of that line, too.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any

__all__ = ["Agreed", "Row", "naive_agreed"]

Row = tuple[date, str, str, str, Decimal]
"""Day, project, price, component and unit price."""
Agreed = tuple[str, str, str, str, str, Decimal]
"""Agreement, part, project, price, component and unit price."""

_FEE = "subscription"


@dataclass(slots=True)
class _Left:
    """What is left to pay of a row."""

    row: Row
    quantity: Decimal
    unit_price: Decimal


def naive_agreed(
    book: str, tenant: str, consumed: Mapping[Row, Decimal], start: date, end: date
) -> dict[Agreed, Decimal]:
    """The quantity of each line that agreements give in a period.

    Args:
        book: the TOML text of a price book.
        tenant: whose agreements.
        consumed: quantities of at least 0, from long enough before the period for every window.
        start: the first day.
        end: the day after the last.
    """
    document = tomllib.loads(book)
    mine = [it for it in document.get("agreement", []) if it["tenant"] in (tenant, "*")]
    mine.sort(key=lambda it: (it["tenant"] == "*", it["id"]))
    with localcontext(prec=200):
        left = [_Left(row, quantity, row[4]) for row, quantity in _in_credits(document, mine, consumed, end)]
        if any(it.quantity < 0 for it in left):
            raise ValueError("a day has a negative quantity, which the naive way does not know")
        found: list[tuple[str, str, _Left, Decimal]] = []
        for it in mine:
            for part in it.get("allowance", []):
                left = [*_free(it, part, "allowance", part.get("window", "month"), left, found)]
        for it in mine:
            for part in it.get("subscription", {}).get("included", []):
                left = [*_free(it, part, "included", "month", left, found)]
        left = [*_tiers(mine, left, found)]
        _discounts(mine, left, found)
        lines: dict[Agreed, Decimal] = defaultdict(Decimal)
        for agreement, kind, piece, change in found:
            if start <= piece.row[0] < end:
                lines[(agreement, kind, *piece.row[1:4], change)] += piece.quantity
        for it in mine:
            if months := sum(start <= day < end for day in _fee_days(it, start, end)):
                lines[(it["id"], _FEE, "", "", _FEE, Decimal(it["subscription"]["fee"]))] += months
    return {key: quantity for key, quantity in lines.items() if quantity}


def _in_credits(
    document: dict[str, Any], mine: list[dict[str, Any]], consumed: Mapping[Row, Decimal], end: date
) -> list[tuple[Row, Decimal]]:
    """Rows in order; those of a price whose credits any part counts are in credits."""
    parts = [part for it in mine for part in (*it.get("allowance", []), *it.get("tier", []), *it.get("discount", []))]
    parts += [part for it in mine for part in it.get("subscription", {}).get("included", [])]
    found = []
    for (day, project, price, component, unit_price), quantity in consumed.items():
        if day >= end:
            continue
        row = (day, project, price, component, unit_price)
        virtual = next((it.get("credits") for it in document["price"] if it["id"] == price), None)
        counted = any(it.get("component") == "credits" and _is_for(it, price) for it in parts)
        if virtual and counted and not component.startswith("session_"):
            one = Decimal(virtual["price"])
            if one:
                row, quantity = (day, project, price, "credits", one), quantity * unit_price / one  # noqa: PLW2901
        found.append((row, quantity))
    return sorted(found)


def _is_for(part: dict[str, Any], price: str) -> bool:
    prices = part["prices"]
    return price.startswith(prices[:-1]) if prices.endswith("*") else price == prices


def _is_valid(agreement: dict[str, Any], day: date) -> bool:
    until = agreement.get("valid_until")
    return agreement["valid_from"] <= day and (until is None or day < until)


def _free(
    agreement: dict[str, Any],
    part: dict[str, Any],
    kind: str,
    window: str,
    left: list[_Left],
    found: list[tuple[str, str, _Left, Decimal]],
) -> Iterator[_Left]:
    """Units from 0 to the quantity are free; those beyond may have a price of their own."""
    taken: list[tuple[date, Decimal]] = []
    most = Decimal(part["quantity"])
    for it in left:
        day, _, price, component, _ = it.row
        if not (_is_for(part, price) and part["component"] == component and _is_valid(agreement, day)):
            yield it
            continue
        before = sum((units for then, units in taken if _shares_window(window, then, day)), Decimal(0))
        taken.append((day, it.quantity))
        free = max(Decimal(0), min(before + it.quantity, most) - before)
        if free:
            found.append((agreement["id"], kind, _Left(it.row, free, it.unit_price), -it.unit_price))
        if it.quantity > free:
            rest = _Left(it.row, it.quantity - free, it.unit_price)
            yield _lowered(rest, part.get("overage"), agreement["id"], "overage", found)


def _tiers(
    mine: list[dict[str, Any]], left: list[_Left], found: list[tuple[str, str, _Left, Decimal]]
) -> Iterator[_Left]:
    taken: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
    for it in left:
        best = _most_specific(mine, "tier", it.row)
        if best is None:
            yield it
            continue
        agreement, part = best
        days = taken[id(part)]
        before = sum((units for then, units in days if _shares_window("month", then, it.row[0])), Decimal(0))
        days.append((it.row[0], it.quantity))
        edges = [Decimal(step["above"]) for step in part["steps"]]
        for low, high, step in zip([None, *edges], [*edges, None], [None, *part["steps"]], strict=True):
            first = before if low is None else max(before, low)
            last = before + it.quantity if high is None else min(before + it.quantity, high)
            if last <= first:
                continue
            piece, lower = _Left(it.row, last - first, it.unit_price), None
            if step is not None:
                lower = step.get("unit_price") or it.unit_price * (100 - Decimal(step["percent"])) / 100
            yield _lowered(piece, lower, agreement["id"], "tier", found)


def _discounts(mine: list[dict[str, Any]], left: list[_Left], found: list[tuple[str, str, _Left, Decimal]]) -> None:
    for it in left:
        if (best := _most_specific(mine, "discount", it.row)) is not None:
            agreement, part = best
            lower = it.unit_price * (100 - Decimal(part["percent"])) / 100
            _lowered(it, lower, agreement["id"], "discount", found)


def _most_specific(mine: list[dict[str, Any]], kind: str, row: Row) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The tenant's own before those for all; then an exact price, a longer prefix, a component; then the later id."""
    day, _, price, component, _ = row
    meant = [
        ((it["tenant"] != "*", "*" not in part["prices"], len(part["prices"]), "component" in part, it["id"]), it, part)
        for it in mine
        for part in it.get(kind, [])
        if _is_valid(it, day) and _is_for(part, price) and part.get("component", component) == component
    ]
    return max(meant, key=lambda them: them[0])[1:] if meant else None


def _lowered(
    piece: _Left,
    unit_price: Decimal | str | None,
    agreement: str,
    kind: str,
    found: list[tuple[str, str, _Left, Decimal]],
) -> _Left:
    if unit_price is None or (lower := Decimal(unit_price)) >= piece.unit_price:
        return piece
    found.append((agreement, kind, piece, lower - piece.unit_price))
    return _Left(piece.row, piece.quantity, lower)


def _shares_window(window: str, then: date, day: date) -> bool:
    if window == "month":
        return (then.year, then.month) == (day.year, day.month)
    return day - then < timedelta(days=int(window[:-1]))


def _fee_days(agreement: dict[str, Any], start: date, end: date) -> Iterator[date]:
    """The first valid day of each month that the period touches."""
    if _FEE not in agreement:
        return
    day, seen = start.replace(day=1), set[tuple[int, int]]()
    while day < end:
        if _is_valid(agreement, day) and (day.year, day.month) not in seen:
            seen.add((day.year, day.month))
            yield day
        day += timedelta(days=1)
