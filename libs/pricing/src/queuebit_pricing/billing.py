"""The rule that decides which usage is charged. Metering uses it for charges, and the audit to check them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from queuebit_pricing.errors import BadUsage
from queuebit_pricing.listing import PREEMPTED, Outcome
from queuebit_pricing.price import Price
from queuebit_pricing.rating import Charge, rate
from queuebit_pricing.usage import MAX_COUNT, Bounds, Usage

__all__ = ["bill"]

_NOTHING = Decimal(0)


def bill(
    price: Price,
    bounds: Bounds,
    state: str,
    quantities: Mapping[str, Decimal],
    *,
    final: bool,
    at_limit: bool = False,
    reason: str | None = None,
) -> Charge:
    """Charge a job that ran; the charge is never above `quote(price, bounds)`.

    1. Usage that is not final costs nothing yet.
    2. A completed job is charged its usage, and one task, unless `bounds.tasks` says that the vendor bills several.
       Then it is charged those that were measured. Where none were, they are those of the bounds, in proportion to the
       completed shots, rounded up, and at least one.
    3. A stopped run, which reached a limit of its size or was cancelled, is charged the same if it used anything. So is
       one that failed or was preempted, if `charged_when` of the price has it.
    4. All other jobs are free; the lines list their usage. `free_when` of the price makes further jobs free.
    5. Gates that were not measured are those of the bounds, in proportion to the completed shots, rounded up.

    Args:
        price: the price of the quote of the job.
        bounds: the quantities that its hold pays for.
        state: the final state of the job.
        quantities: measured quantities by metric: `shots`, `tasks`, `qpu-time` in microseconds, `qubits`, `gates-1q`,
            `gates-2q`, `measurements`, and `reservation`, which is more than 0 in a reservation; others are ignored.
        final: whether all quantities are final.
        at_limit: whether the run failed because it reached a limit of its size.
        reason: the code of the failure; `preempted` if the vendor stopped the run for another.

    Raises:
        BadUsage: a quantity is negative or not finite.
    """
    shots, qpu_us, qubits = (_whole(quantities.get(it, _NOTHING)) for it in ("shots", "qpu-time", "qubits"))
    ran = final and (state == "completed" or shots > 0 or qpu_us > 0)
    used = Usage(
        tasks=_tasks(bounds, shots, quantities) if ran else 0,
        shots_requested=bounds.shots,
        shots_completed=shots if ran else 0,
        qpu_us=qpu_us if ran else 0,
        qubits=qubits if ran else 0,
        **(_gates(bounds, shots, quantities) if ran and price.counts_gates else {}),
    )
    by_price = _cause(state, reason) in (price.charged_when or ())
    stopped = (state == "failed" and at_limit) or (ran and (state == "cancelled" or by_price))
    return rate(price, used, _outcome(price, state, quantities, stopped=stopped, by_price=by_price), bounds)


def _cause(state: str, reason: str | None) -> str:
    return PREEMPTED if state == "failed" and reason == PREEMPTED else state


def _outcome(price: Price, state: str, quantities: Mapping[str, Decimal], *, stopped: bool, by_price: bool) -> Outcome:
    free = price.free_when or ()
    if "reserved" in free and quantities.get("reservation"):
        return "reserved"
    return "stopped" if stopped and (by_price or state not in free) else state


def _tasks(bounds: Bounds, shots: int, quantities: Mapping[str, Decimal]) -> int:
    """Return the tasks of a run; one where the bounds say nothing of tasks."""
    if bounds.tasks is None:
        return 1
    if "tasks" in quantities:
        return _whole(quantities["tasks"])
    return max(1, _share(bounds.tasks, shots, bounds))


def _share(most: int, shots: int, bounds: Bounds) -> int:
    """Return what is due of a quantity for the completed shots, rounded up."""
    return -(-most * min(shots, bounds.shots) // bounds.shots)


def _gates(bounds: Bounds, shots: int, quantities: Mapping[str, Decimal]) -> dict[str, int]:
    """Return gate-shots as measured, or else those of the compiled circuit for the completed shots."""
    return {
        name: _whole(quantities[metric]) if metric in quantities else _share(most, shots, bounds)
        for metric, name, most in (
            ("gates-1q", "gates_1q", bounds.gates_1q),
            ("gates-2q", "gates_2q", bounds.gates_2q),
            ("measurements", "measurements", bounds.measurements),
        )
    }


def _whole(quantity: Decimal) -> int:
    """Return a quantity in whole units, rounded up and at most `MAX_COUNT`.

    A vendor may report more, but the charge never exceeds its bounds.

    Raises:
        BadUsage: the quantity is negative or not finite.
    """
    if not quantity.is_finite() or quantity < 0:
        raise BadUsage(f"a measured quantity is {quantity}: state the usage again, in numbers of at least 0")
    return min(int(quantity.to_integral_value(ROUND_CEILING)), MAX_COUNT)
