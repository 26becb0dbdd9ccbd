"""Computes charges from usage.

Only durations are rounded: *up* to the billing increment of the price. Amounts are exact, with any number of decimal
places. An invoice rounds only its total.
"""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from queuebit_pricing.exact import from_micros, product, to_micros, total
from queuebit_pricing.listing import Component, Outcome, Price
from queuebit_pricing.statement import UNITS, Line, Statement
from queuebit_pricing.usage import Bounds, Usage

__all__ = ["Charge", "itemise", "rate"]

_COMPONENTS: tuple[Component, ...] = get_args(Component)

_TIMED = ("second", "qubit_second")


class Charge(Statement):
    """The cost of a job after it ended."""

    outcome: Outcome
    usage: Usage


def rate(price: Price, usage: Usage, outcome: Outcome = "completed", bounds: Bounds | None = None) -> Charge:
    """Compute the charge for the final usage of a job.

    Args:
        price: the price of the quote of the job.
        usage: the consumed quantities; must be final, because they are charged as the total.
        outcome: the final state, or `stopped` for a run that reached a limit of its size. `completed` and `stopped` are
            charged. All others are free: their lines have consumed quantities, but nothing billed.
        bounds: the authorised quantities; with them, the charge is never above `quote(price, bounds)`.
    """
    if outcome in ("completed", "stopped"):
        payable = usage if bounds is None else usage.within(bounds)
    else:
        payable = Usage(tasks=0, shots_requested=0, shots_completed=0, qpu_us=0, qubits=0)
    return Charge(**dict(itemise(price, consumed=usage, payable=payable)), outcome=outcome, usage=usage)


def itemise(price: Price, *, consumed: Usage, payable: Usage) -> Statement:
    """Return one line per component of the price, their sum, and the job billing units of the billed quantities."""
    lines, jbu = [], []
    for component in _COMPONENTS:
        terms = price.terms(component)
        billed = _billed(component, payable, terms)
        jbu.append(product(billed, getattr(price.jbu, component)))
        if terms is None:
            continue
        unit_price, *_ = terms
        lines.append(
            Line(
                id=f"{price.id}.{component}",
                component=component,
                unit=UNITS[component],
                consumed=_quantity(component, consumed),
                billed=billed,
                unit_price=unit_price,
                amount=product(billed, unit_price),
            )
        )
    return Statement(
        price_id=price.id,
        book=price.book,
        book_digest=price.book_digest,
        currency=price.currency,
        lines=tuple(lines),
        amount=total(line.amount for line in lines),
        jbu=total(jbu),
    )


def _quantity(component: Component, usage: Usage) -> Decimal:
    match component:
        case "task":
            return Decimal(usage.tasks)
        case "shot":
            return Decimal(usage.shots_completed)
        case "second":
            return from_micros(usage.qpu_us)
        case "qubit_second":
            return from_micros(usage.qpu_us * usage.qubits)


def _billed(component: Component, usage: Usage, terms: tuple[Decimal, Decimal, Decimal] | None) -> Decimal:
    """Return the billed quantity: durations are at least the minimum and rounded up to the increment."""
    if component == "shot":
        return Decimal(min(usage.shots_completed, usage.shots_requested))
    quantity = _quantity(component, usage)
    if component not in _TIMED or terms is None:
        return quantity
    _, quantum, minimum = terms
    due = max(quantity, minimum) if usage.tasks else quantity
    step = to_micros(quantum)
    return from_micros(-(-to_micros(due) // step) * step)
