"""From usage to a charge.

Rounding happens in one place: a duration is rounded *up* to the billing increment its price states. Amounts are kept
exact, however many places that takes; an invoice rounds its total once, later.
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
    """What a job costs, after it ended."""

    outcome: Outcome
    usage: Usage


def rate(price: Price, usage: Usage, outcome: Outcome = "completed", bounds: Bounds | None = None) -> Charge:
    """Charge a job's final usage.

    Args:
        price: the price the job was quoted.
        usage: what it consumed; final, because a partial figure would be charged as if it were all.
        outcome: how it ended. `stopped` is a run that reached a limit of its own size: it is charged for what it used,
            as what completed is. All else is free: its lines keep the consumed quantities and bill none.
        bounds: what was authorised. With them the charge never exceeds `quote(price, bounds)`.
    """
    if outcome in ("completed", "stopped"):
        payable = usage if bounds is None else usage.within(bounds)
    else:
        payable = Usage(tasks=0, shots_requested=0, shots_completed=0, qpu_us=0, qubits=0)
    return Charge(**dict(itemise(price, consumed=usage, payable=payable)), outcome=outcome, usage=usage)


def itemise(price: Price, *, consumed: Usage, payable: Usage) -> Statement:
    """State one line per component of the price, what they add up to, and the job billing units of what is billed."""
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
    """Return the payable quantity: shots up to those requested, durations at least the minimum and in whole steps."""
    if component == "shot":
        return Decimal(min(usage.shots_completed, usage.shots_requested))
    quantity = _quantity(component, usage)
    if component not in _TIMED or terms is None:
        return quantity
    _, quantum, minimum = terms
    due = max(quantity, minimum) if usage.tasks else quantity
    step = to_micros(quantum)
    return from_micros(-(-to_micros(due) // step) * step)
