"""The rule that decides which usage is charged. Metering uses it for charges, and the audit to check them."""

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
    """Charge a job that ran; the charge is never above `quote(price, bounds)`.

    1. Usage that is not final costs nothing yet.
    2. A completed job is charged one task and its usage.
    3. A stopped run, which reached a limit of its size or was cancelled, is charged the same if it used anything.
    4. All other jobs are free; the lines list their usage.

    Args:
        price: the price of the quote of the job.
        bounds: the quantities that its hold pays for.
        state: the final state of the job.
        quantities: measured quantities by metric: `shots`, `qpu-time` in microseconds, `qubits`; others are ignored.
        final: whether all quantities are final.
        at_limit: whether the run failed because it reached a limit of its size.
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
    """Return a quantity in whole units, rounded up and at most `MAX_COUNT`.

    A vendor may report more, but the charge never exceeds its bounds.
    """
    return min(int(quantity.to_integral_value(ROUND_CEILING)), MAX_COUNT)
