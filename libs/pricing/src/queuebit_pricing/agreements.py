"""Applies agreements to the consumption of a period, as lines of their own.

A charge of a job is the list price, and needs nothing but its event. What depends on other consumption of the period is
computed here, from daily sums, when the period is invoiced. Nothing is rounded.

The parts of all agreements of a tenant apply in this order, each to what the parts before it left to pay:

1. allowances, then units that subscriptions include; those of the tenant's own agreements first;
2. tiers: for each price and component the most specific one only;
3. discounts: likewise.

The fee of a subscription is a line of its own.

A unit counts for an agreement that is valid on its day. Negative quantities are corrections: they take back what they
were given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from queuebit_kernel.exact import product, quotient, total
from queuebit_pricing.agreement_rules import Piece, Reduction, rules_of
from queuebit_pricing.agreement_terms import Agreement, window_days
from queuebit_pricing.book import PriceBook
from queuebit_pricing.consumed import Consumed
from queuebit_pricing.listing import COUNTED

__all__ = ["AgreedLine", "Consumed", "Period", "agreed", "history_from"]

_CREDITS = "credits"
_FEE = "subscription"
_IN_CREDITS = frozenset({*COUNTED, "base", "minimum"})


@dataclass(frozen=True, slots=True)
class Period:
    """The days that an invoice is about, in UTC."""

    start: date
    end: date
    """The day after the last one."""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period from {self.start} to {self.end} has no day: its end is the day after the last")

    @classmethod
    def month(cls, year: int, month: int) -> Period:
        """A calendar month."""
        return cls(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1))

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end


@dataclass(frozen=True, slots=True)
class AgreedLine:
    """One line of an invoice; `amount` is exactly `quantity` times `unit_price`, and negative if it is a reduction."""

    agreement: str
    kind: str
    """The part of the agreement: `subscription` (the fee), `allowance`, `included`, `overage`, `tier` or `discount`."""
    project: str
    """Empty for the fee of a subscription, as `price`."""
    price: str
    component: str
    """That of the consumption; `credits` where an agreement counts credits, and `subscription` for the fee."""
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal


def agreed(book: PriceBook, tenant: str, rows: Sequence[Consumed], period: Period) -> tuple[AgreedLine, ...]:
    """Return what the agreements of a tenant change for a period, sorted; equal lines of several days are one.

    Args:
        book: its agreements apply.
        tenant: the tenant's name.
        rows: the tenant's consumption from `history_from` to the end of the period, in any order. Earlier days count in
            windows, and give no lines.
        period: the days that get lines.

    Raises:
        ValueError: an amount is not its quantity times its unit price, or not finite.
    """
    mine = _own_first(book, tenant)
    known = [_checked(row) for row in rows if row.day < period.end]
    counted = sorted(_in_credits(book, mine, known), key=_order)
    pieces = [Piece(row, row.quantity, row.unit_price) for row in counted]
    found: list[Reduction] = []
    for rule in rules_of(mine):
        pieces = list(rule.apply(pieces, found))
    return _fees(mine, period) + _lines(it for it in found if it.row.day in period)


def history_from(book: PriceBook, tenant: str, period: Period) -> date:
    """Return the first day whose consumption `agreed` needs: windows and months reach back before the period."""
    first = period.start
    for rule in reversed(rules_of(_own_first(book, tenant))):
        if rule.window is not None:
            first, _ = window_days(rule.window, first)  # what one leaves depends on its own window
    return first


def _own_first(book: PriceBook, tenant: str) -> list[Agreement]:
    meant = [it for it in book.agreements if it.tenant in (tenant, "*")]
    return sorted(meant, key=lambda it: (it.tenant == "*", it.id))


def _checked(row: Consumed) -> Consumed:
    numbers = (row.quantity, row.unit_price, row.amount)
    if not all(it.is_finite() for it in numbers) or product(row.quantity, row.unit_price) != row.amount:
        raise ValueError(
            f"{row.amount} is not {row.quantity} times {row.unit_price}: {row.component} of {row.price} in project "
            f"{row.project} on {row.day} cannot be used; build one row for each unit price"
        )
    return row


def _order(row: Consumed) -> tuple[date, str, str, str, Decimal]:
    """The order in which units of a day use an allowance."""
    return (row.day, row.project, row.price, row.component, row.unit_price)


def _in_credits(book: PriceBook, agreements: Iterable[Agreement], rows: Iterable[Consumed]) -> Iterator[Consumed]:
    """Yield rows as they are counted: those of a price whose credits an agreement counts are in credits."""
    rules = [it for agreement in agreements for it in agreement.rules if getattr(it, "component", None) == _CREDITS]
    prices = {
        price.id: price.credits.price
        for price in book.prices
        if price.credits is not None and price.credits.price and any(it.covers(price.id) for it in rules)
    }
    for row in rows:
        price = prices.get(row.price)
        if price is None or row.component not in _IN_CREDITS:
            yield row
        else:
            yield replace(row, component=_CREDITS, quantity=quotient(row.amount, price), unit_price=price)


def _fees(agreements: Iterable[Agreement], period: Period) -> tuple[AgreedLine, ...]:
    lines = []
    for it in agreements:
        if it.subscription is not None and (months := Decimal(sum(day in period for day in _due(it, period)))):
            fee = it.subscription.fee
            lines.append(AgreedLine(it.id, _FEE, "", "", _FEE, months, fee, product(months, fee)))
    return tuple(lines)


def _due(agreement: Agreement, period: Period) -> Iterator[date]:
    """Yield the days of the period's months on which a fee is due."""
    month = period.start.replace(day=1)
    while month < period.end:
        due, month = max(month, agreement.valid_from), (month + timedelta(days=31)).replace(day=1)
        if due < month and agreement.applies(due):
            yield due


def _lines(found: Iterable[Reduction]) -> tuple[AgreedLine, ...]:
    sums: dict[tuple[str, str, str, str, str, Decimal], list[Decimal]] = {}
    for it in found:
        key = (it.agreement, it.kind, it.row.project, it.row.price, it.row.component, it.unit_price)
        sums.setdefault(key, []).append(it.quantity)
    lines = []
    for key, quantities in sorted(sums.items()):
        if quantity := total(quantities):
            lines.append(AgreedLine(*key[:5], quantity, key[5], product(quantity, key[5])))
    return tuple(lines)
