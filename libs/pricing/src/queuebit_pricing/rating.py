"""Computes charges from usage.

Only durations are rounded, to the billing increment of the price. Amounts are exact, with any number of decimal
places. An invoice rounds only its total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from queuebit_kernel.exact import difference, product, total
from queuebit_pricing.exact import from_micros
from queuebit_pricing.listing import Component, Outcome
from queuebit_pricing.price import Price, Rate
from queuebit_pricing.statement import Line, Statement
from queuebit_pricing.usage import Bounds, Usage

__all__ = ["Charge", "itemise", "rate"]

_ZERO = Decimal(0)
_ONE = Decimal(1)
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
        if it.weight:
            jbu.append(product(billed, it.weight))
        if it.unit_price is not None:
            amount = product(billed, it.unit_price)
            virtual = None if it.credits is None else product(billed, it.credits)
            lines.append(Line(it.component, _quantity(it.component, consumed), billed, it.unit_price, amount, virtual))
    if price.floor is not None:
        lines.append(_top_up(price, price.floor, lines, payable.tasks))
    return tuple(lines), total([line.amount for line in lines]), total(jbu)


def _top_up(price: Price, floor: Decimal, lines: Sequence[Line], tasks: int) -> Line:
    """Return the line that brings tasks up to their floor; its quantity is money or credits, at a fixed unit price."""
    least = product(floor, Decimal(tasks))
    if price.credits is None:
        missing = _missing(least, total([it.amount for it in lines]))
        return Line("minimum", missing, missing, _ONE, missing)
    missing = _missing(least, total([it.credits or _ZERO for it in lines]))
    amount = product(missing, price.credits.price)
    return Line("minimum", missing, missing, price.credits.price, amount, missing)


def _missing(floor: Decimal, reached: Decimal) -> Decimal:
    return difference(floor, reached) if reached < floor else _ZERO


def _quantity(component: Component, usage: Usage) -> Decimal:
    match component:
        case "shot":
            return Decimal(usage.shots_completed)
        case "second" | "qubit_second":
            return from_micros(_micros(component, usage))
        case _:
            return Decimal(_count(component, usage))


def _billed(rate: Rate, usage: Usage) -> Decimal:
    """Return the billed quantity: durations are at least the minimum of each task, and rounded to the increment."""
    match rate.component:
        case "shot":
            return Decimal(min(usage.shots_completed, usage.shots_requested))
        case "second" | "qubit_second" as component:
            micros = _micros(component, usage)
            due = max(micros, rate.minimum_us * usage.tasks)
            return from_micros(_steps(due, rate) * rate.quantum_us)
        case component:
            return Decimal(_count(component, usage))


def _steps(micros: int, rate: Rate) -> int:
    if rate.rounding == "up":
        return -(-micros // rate.quantum_us)
    if rate.rounding == "down":
        return micros // rate.quantum_us
    return (2 * micros + rate.quantum_us) // (2 * rate.quantum_us)


def _count(component: Component, usage: Usage) -> int:
    match component:
        case "gate_1q":
            return usage.gates_1q
        case "gate_2q":
            return usage.gates_2q
        case "measurement":
            return usage.measurements
        case _:
            return usage.tasks


def _micros(component: Component, usage: Usage) -> int:
    return usage.qpu_us if component == "second" else usage.qpu_us * usage.qubits
