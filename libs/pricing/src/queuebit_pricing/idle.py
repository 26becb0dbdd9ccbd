"""The charge for the time in which a session holds priority and runs no job."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from queuebit_pricing.exact import product

__all__ = ["IDLE", "IdleCharge", "idle_charge"]

IDLE: Final = "session_idle_second"
"""The component's name; its key in a price is `per_session_idle_second`."""


@dataclass(frozen=True, slots=True)
class IdleCharge:
    """What idle time costs; `amount` is exactly `seconds` times the unit price."""

    seconds: int
    """The billed whole seconds: as many as can be paid."""
    amount: Decimal


def idle_charge(unit_price: Decimal, idle_s: int, most: Decimal) -> IdleCharge:
    """Charge whole seconds of idle time, and never more than `most`."""
    payable = int(max(most, Decimal(0)) / unit_price) if unit_price else idle_s
    seconds = min(idle_s, payable)
    return IdleCharge(seconds, product(Decimal(seconds), unit_price))
