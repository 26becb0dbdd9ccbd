"""The charge for the time of a session: that without a job, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from queuebit_kernel.exact import product
from queuebit_pricing.listing import Listing

__all__ = ["IDLE", "WALL", "IdleCharge", "idle_charge", "session_price"]

IDLE: Final = "session_idle_second"
"""The component's name; its key in a price is `per_session_idle_second`."""


WALL: Final = "session_second"
"""The component's name where each second of a session is charged; its key in a price is `per_session_second`."""


def session_price(price: Listing, *, wall_clock: bool) -> Decimal | None:
    """The price of a second of a session: of each, or of those without a job; None if it has none."""
    return price.per_session_second if wall_clock else price.per_session_idle_second


@dataclass(frozen=True, slots=True)
class IdleCharge:
    """What idle time costs; `amount` is exactly `seconds` times the unit price."""

    seconds: int
    """The billed whole seconds: as many as can be paid."""
    amount: Decimal


def idle_charge(unit_price: Decimal, idle_s: int, most: Decimal) -> IdleCharge:
    """Charge whole seconds of idle time, and never more than `most`."""
    payable = int(max(most, Decimal(0)) // unit_price) if unit_price else idle_s
    seconds = min(idle_s, payable)
    return IdleCharge(seconds, product(Decimal(seconds), unit_price))
