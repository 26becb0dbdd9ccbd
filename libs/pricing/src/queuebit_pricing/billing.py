"""Which usage is charged: the one rule for metering, which writes bills, and for the audit, which checks them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from queuebit_pricing.listing import Price
from queuebit_pricing.rating import Charge, rate
from queuebit_pricing.usage import MAX_COUNT, Bounds, Usage

__all__ = ["bill"]

_NOTHING = Decimal(0)


def bill(
    price: Price, bounds: Bounds, state: str, quantities: Mapping[str, Decimal], *, final: bool, at_limit: bool = False
) -> Charge:
    """Charge a job that ran, never above `quote(price, bounds)`.

    1. Usage that is not final costs nothing yet.
    2. A job that completed is charged one task and what it used.
    3. A run that was stopped, because it reached a limit of its own size or because its job was cancelled, is charged
       the same if it used anything.
    4. Every other end is free: what was used is listed.

    Args:
        price: the price that the job was quoted.
        bounds: what its hold pays for.
        state: how it ended.
        quantities: what was measured, by metric: `shots`, `qpu-time` in microseconds, `qubits`; others have no price.
        final: whether none of them can change any more.
        at_limit: whether a run failed at a limit of its own size.
    """
    shots, qpu_us, qubits = (_whole(quantities.get(it, _NOTHING)) for it in ("shots", "qpu-time", "qubits"))
    ran = final and (state == "completed" or shots > 0 or qpu_us > 0)
    stopped = (state == "failed" and at_limit) or (state == "cancelled" and ran)
    used = Usage(
        tasks=int(ran),
        shots_requested=bounds.shots,
        shots_completed=shots if ran else 0,
        qpu_us=qpu_us if ran else 0,
        qubits=qubits if ran else 0,
    )
    return rate(price, used, "stopped" if stopped else state, bounds)


def _whole(quantity: Decimal) -> int:
    """A quantity in whole units: a part of a shot or of a microsecond counts as one.

    More than a bound can be changes no charge, and a report of a vendor may say so.
    """
    return min(int(quantity.to_integral_value(ROUND_CEILING)), MAX_COUNT)
