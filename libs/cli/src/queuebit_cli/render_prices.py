"""Tables of prices, and of what differs between two editions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from queuebit_cli.tables import Row
from queuebit_kernel import rfc3339

if TYPE_CHECKING:
    from queuebit_pricing import Agreement, Change, Price
    from queuebit_pricing.price import Rate

__all__ = ["agreement_rows", "change_rows", "for_people", "price_rows"]

_UNITS = {
    "task": "task",
    "shot": "shot",
    "second": "second",
    "qubit_second": "qubit-second",
    "gate_1q": "gate on one qubit",
    "gate_2q": "gate on two",
    "measurement": "measurement",
    "base": "job",
}
_PARTS = ("allowance", "subscription", "tier", "discount")
"""In the order in which they apply."""
_FINE_US = 1_000
"""A billing increment that changes no amount that people compare, in microseconds."""


def price_rows(prices: Iterable[Price]) -> list[Row]:
    """One row for each price."""
    return [
        {
            "backend": it.backend,
            "id": it.id,
            "price": _terms(it),
            "currency": it.currency,
            "from": rfc3339(it.valid_from),
            "until": rfc3339(it.valid_until) if it.valid_until else None,
            "confidence": it.confidence,
            "as of": it.as_of.isoformat(),
            "source": it.source,
        }
        for it in prices
    ]


def for_people(rows: Iterable[Row]) -> list[Row]:
    """Prices with days instead of times, and the currency once: the text of a price names it."""
    shorter = [{name: value for name, value in row.items() if name != "currency"} for row in rows]
    return [row | {name: _day(row[name]) for name in ("from", "until")} for row in shorter]


def agreement_rows(agreements: Iterable[Agreement]) -> list[Row]:
    """One row for each agreement: with whom, on what, since when."""
    return [
        {
            "agreement": it.id,
            "tenant": it.tenant,
            "has": [name for name in _PARTS if getattr(it, name)],
            "from": it.valid_from.isoformat(),
            "until": it.valid_until.isoformat() if it.valid_until else None,
            "confidence": it.confidence,
            "as of": it.as_of.isoformat(),
            "source": it.source,
        }
        for it in agreements
    ]


def change_rows(changes: Iterable[Change]) -> list[Row]:
    """One row for each difference."""
    return [
        {
            "what": it.kind,
            "allowed": "yes" if it.allowed else "no",
            "row": it.row or "book",
            "field": it.field or None,
            "before": it.before or None,
            "after": it.after or None,
        }
        for it in changes
    ]


def _day(moment: object) -> object:
    """The day of a time at midnight; any other time as it is."""
    return moment.removesuffix("T00:00:00.000000Z") if isinstance(moment, str) else moment


def _terms(price: Price) -> str:
    """The components as people say them, such as `0.3 USD a task + 0.08 USD a shot`."""
    from queuebit_pricing import plain

    unit = price.credits.unit if price.credits else price.currency
    amounts = [(it.unit_price if it.credits is None else it.credits, it) for it in price.rates]
    text = " + ".join(
        f"{plain(amount)} {unit} a {_UNITS[it.component]}{_steps(it)}" for amount, it in amounts if amount
    )
    parts = [text or "free"]
    if price.floor is not None:
        parts.append(f"at least {plain(price.floor)} {unit} a job")
    if price.credits is not None:
        parts.append(f"one {unit} is {plain(price.credits.price)} {price.currency}")
    if price.per_session_idle_second:
        parts.append(f"{plain(price.per_session_idle_second)} {price.currency} an idle second of a session")
    if price.per_reserved_second is not None:
        parts.append(f"{plain(price.per_reserved_second)} {price.currency} a second of a reservation")
    if price.per_session_second:
        parts.append(f"{plain(price.per_session_second)} {price.currency} a second of a session, with or without a job")
    if price.free_when:
        parts.append(f"free when {' or '.join(price.free_when)}")
    if price.charged_when:
        parts.append(f"charged when {' or '.join(price.charged_when)}")
    return "; ".join(parts)


def _steps(rate: Rate) -> str:
    """How a time is billed, where it is not up to the next millisecond: ` (at least 3 s, by 60 s, rounded down)`."""
    parts = [f"at least {_seconds(rate.minimum_us)}"] if rate.minimum_us else []
    if rate.quantum_us > _FINE_US:
        parts.append(f"by {_seconds(rate.quantum_us)}")
    if rate.rounding != "up":
        parts.append(f"rounded {'down' if rate.rounding == 'down' else 'to the nearest'}")
    return f" ({', '.join(parts)})" if parts else ""


def _seconds(us: int) -> str:
    from queuebit_pricing import plain

    return f"{plain(Decimal(us).scaleb(-6))} s"
