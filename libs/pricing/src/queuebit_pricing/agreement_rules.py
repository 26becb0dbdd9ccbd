"""The parts of agreements as rules: each takes what is left to pay, finds reductions, and yields what it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Protocol

from queuebit_kernel.exact import difference, product, total
from queuebit_pricing.agreement_terms import Agreement, Discount, Rule, Step, Tier, window_days
from queuebit_pricing.consumed import Consumed

__all__ = ["Piece", "Reduction", "rules_of"]

_ZERO = Decimal(0)
_PER_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Piece:
    """What remains to pay of a day's consumption, at a price that may be reduced already."""

    row: Consumed
    quantity: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a part takes off: `quantity` times a unit price below 0."""

    agreement: str
    kind: str
    row: Consumed
    quantity: Decimal
    unit_price: Decimal


class _Applied(Protocol):
    """One part of an agreement, or all parts of which only the most specific applies."""

    @property
    def window(self) -> str | None:
        """The window whose consumption it counts; None if it counts none."""

    def apply(self, pieces: Iterable[Piece], found: list[Reduction]) -> Iterator[Piece]:
        """Add the reductions to `found`, and yield what remains; pieces are in the order of days."""


def rules_of(agreements: Sequence[Agreement]) -> list[_Applied]:
    """Return the parts of the agreements of a tenant in the order in which they apply.

    Args:
        agreements: of the tenant, and then those for all.
    """
    allowances = [_Quantity(it.id, "allowance", it, part, part.component, part.quantity, part.window)
                  for it in agreements for part in it.allowance]  # fmt: skip
    included = [
        _Quantity(it.id, "included", it, part, part.component, part.quantity, "month", part.overage)
        for it in agreements
        if it.subscription is not None
        for part in it.subscription.included
    ]
    rules: list[_Applied] = [*allowances, *included]
    if tiers := [(it, part) for it in agreements for part in it.tier]:
        rules.append(_Tiers(tiers))
    if discounts := [(it, part) for it in agreements for part in it.discount]:
        rules.append(_Discounts(discounts))
    return rules


class _Count:
    """The consumption of a window, day by day in order."""

    def __init__(self, window: str) -> None:
        self._window = window
        self._days: list[tuple[date, Decimal]] = []

    def add(self, day: date, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Return the window's consumption before and after."""
        first, _ = window_days(self._window, day)
        self._days = [it for it in self._days if it[0] >= first]
        before = total(it for _, it in self._days)
        self._days.append((day, quantity))
        return before, total((before, quantity))


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Units that are free up to a quantity, with a price for those beyond."""

    id: str
    kind: str
    agreement: Agreement
    rule: Rule
    component: str
    most: Decimal
    window: str | None
    overage: Decimal | None = None

    def apply(self, pieces: Iterable[Piece], found: list[Reduction]) -> Iterator[Piece]:
        count = _Count(self.window or "month")
        for piece in pieces:
            row = piece.row
            meant = self.rule.covers(row.price) and self.component == row.component
            if not meant or not self.agreement.applies(row.day):
                yield piece
                continue
            free = _within(_ZERO, self.most, *count.add(row.day, piece.quantity))
            if free:
                found.append(Reduction(self.id, self.kind, row, free, -piece.unit_price))
            if rest := difference(piece.quantity, free):
                yield _cheaper(replace(piece, quantity=rest), self.overage, self.id, "overage", found)


@dataclass(frozen=True, slots=True)
class _Tiers:
    parts: Sequence[tuple[Agreement, Tier]]
    window: str | None = "month"

    def apply(self, pieces: Iterable[Piece], found: list[Reduction]) -> Iterator[Piece]:
        counts: dict[int, _Count] = {}
        for piece in pieces:
            row = piece.row
            meant = [
                (_precedence(it, part), at)
                for at, (it, part) in enumerate(self.parts)
                if it.applies(row.day) and part.covers(row.price) and part.component == row.component
            ]
            if not meant:
                yield piece
                continue
            _, at = max(meant)
            agreement, tier = self.parts[at]
            before, after = counts.setdefault(at, _Count("month")).add(row.day, piece.quantity)
            for low, high, step in _ranges(tier.steps):
                if units := _within(low, high, before, after):
                    part = replace(piece, quantity=units)
                    yield _cheaper(part, _price(step, piece.unit_price), agreement.id, "tier", found)


@dataclass(frozen=True, slots=True)
class _Discounts:
    parts: Sequence[tuple[Agreement, Discount]]
    window: str | None = None

    def apply(self, pieces: Iterable[Piece], found: list[Reduction]) -> Iterator[Piece]:
        for piece in pieces:
            row = piece.row
            meant = [
                (_precedence(it, part), part.component is not None, it.id, part.percent)
                for it, part in self.parts
                if it.applies(row.day) and part.covers(row.price) and part.component in (None, row.component)
            ]
            if not meant:
                yield piece
                continue
            *_, agreement, percent = max(meant)
            yield _cheaper(piece, _reduced(piece.unit_price, percent), agreement, "discount", found)


def _precedence(agreement: Agreement, part: Rule) -> tuple[bool, tuple[bool, int]]:
    return (agreement.tenant != "*", part.specificity)


def _within(low: Decimal, high: Decimal | None, before: Decimal, after: Decimal) -> Decimal:
    """Return how many of the units from `before` to `after` lie between two limits; negative if they are taken back."""

    def clamped(quantity: Decimal) -> Decimal:
        least = max(quantity, low)
        return least if high is None else min(least, high)

    return difference(clamped(after), clamped(before))


def _ranges(steps: Sequence[Step]) -> Iterator[tuple[Decimal, Decimal | None, Step | None]]:
    """Yield each range of units with its step; the units before the first step have none."""
    low, step = None, None
    for it in steps:
        yield (low if low is not None else _LEAST), it.above, step
        low, step = it.above, it
    yield (low if low is not None else _LEAST), None, step


_LEAST = Decimal(-(10**30))
"""Below any sum: corrections may be larger than what a month consumed."""


def _price(step: Step | None, unit_price: Decimal) -> Decimal | None:
    if step is None:
        return None
    return step.unit_price if step.percent is None else _reduced(unit_price, step.percent)


def _reduced(unit_price: Decimal, percent: Decimal) -> Decimal:
    return difference(unit_price, product(product(unit_price, percent), _PER_CENT))


def _cheaper(piece: Piece, unit_price: Decimal | None, agreement: str, kind: str, found: list[Reduction]) -> Piece:
    """Return the piece at a lower price, with its reduction; a price that is not lower changes nothing."""
    if unit_price is None or unit_price >= piece.unit_price:
        return piece
    found.append(Reduction(agreement, kind, piece.row, piece.quantity, difference(unit_price, piece.unit_price)))
    return replace(piece, unit_price=unit_price)
