"""The price of classical time: that of hybrid jobs, which run beside the backends.

A book lists it like the price of a backend, under the name `hybrid`, and per second only.
"""

from __future__ import annotations

from typing import Final

from queuebit_pricing.price import Price
from queuebit_pricing.rating import itemise
from queuebit_pricing.statement import Statement
from queuebit_pricing.usage import MAX_COUNT, Usage

__all__ = ["CLASSICAL", "CLASSICAL_SECOND", "rate_time"]

CLASSICAL: Final = "hybrid"
"""The name under which a price book lists the price."""

CLASSICAL_SECOND: Final = "classical_second"
"""The component of a line for classical time."""


def rate_time(price: Price, time_us: int, limit_us: int | None = None) -> Statement:
    """What some time costs: never more than the time of the limit. With no other limit, it is the quote.

    Args:
        price: of `CLASSICAL`; its prices per task and shot do not count.
        time_us: in microseconds.
        limit_us: the most that is paid for.
    """
    used = min(time_us, MAX_COUNT)
    payable = used if limit_us is None else min(used, limit_us)
    lines, amount, jbu = itemise(price, consumed=_time(used), payable=_time(payable))
    return Statement(price, tuple(it for it in lines if it.component == "second"), amount, jbu)


def _time(time_us: int) -> Usage:
    return Usage(tasks=0, shots_requested=0, shots_completed=0, qpu_us=time_us, qubits=0)
