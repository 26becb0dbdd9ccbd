"""Computes charges from usage.

Only durations are rounded: *up* to the billing increment of the price. Amounts are exact, with any number of decimal
places. An invoice rounds only its total.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from queuebit_pricing.exact import from_micros, product, total
from queuebit_pricing.listing import Component, Outcome, Price, Rate
from queuebit_pricing.statement import Line, Statement
from queuebit_pricing.usage import Bounds, Usage

__all__ = ["Charge", "itemise", "rate"]

_NOTHING = Usage(tasks=0, shots_requested=0, shots_completed=0, qpu_us=0, qubits=0)


@dataclass(frozen=True, slots=True)
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
    authorised = usage if bounds is None else usage.within(bounds)
    payable = authorised if outcome in ("completed", "stopped") else _NOTHING
    return Charge(price, *itemise(price, consumed=usage, payable=payable), outcome, usage)


def itemise(price: Price, *, consumed: Usage, payable: Usage) -> tuple[tuple[Line, ...], Decimal, Decimal]:
    """Return one line per component of the price, their sum, and the job billing units of the billed quantities."""
    lines, jbu = [], []
    for it in price.rates:
        billed = _billed(it, payable)
        jbu.append(product(billed, it.weight))
        if it.unit_price is not None:
            amount = product(billed, it.unit_price)
            lines.append(Line(it.component, _quantity(it.component, consumed), billed, it.unit_price, amount))
    return tuple(lines), total(line.amount for line in lines), total(jbu)


def _quantity(component: Component, usage: Usage) -> Decimal:
    match component:
        case "task":
            return Decimal(usage.tasks)
        case "shot":
            return Decimal(usage.shots_completed)
        case "second" | "qubit_second":
            return from_micros(_micros(component, usage))


def _billed(rate: Rate, usage: Usage) -> Decimal:
    """Return the billed quantity: durations are at least the minimum and rounded up to the increment."""
    match rate.component:
        case "task":
            return Decimal(usage.tasks)
        case "shot":
            return Decimal(min(usage.shots_completed, usage.shots_requested))
        case "second" | "qubit_second" as component:
            micros = _micros(component, usage)
            due = max(micros, rate.minimum_us) if usage.tasks else micros
            return from_micros(-(-due // rate.quantum_us) * rate.quantum_us)


def _micros(component: Component, usage: Usage) -> int:
    return usage.qpu_us if component == "second" else usage.qpu_us * usage.qubits
