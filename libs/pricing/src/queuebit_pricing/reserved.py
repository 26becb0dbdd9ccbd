"""The charge for the time of a reservation, used and idle."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from queuebit_kernel.exact import product

__all__ = ["RESERVED", "RESERVED_IDLE", "ReservedCharge", "reserved_charge"]

RESERVED: Final = "reserved_second"
"""The component of the seconds in which a job of the holder ran; its key in a price is `per_reserved_second`."""

RESERVED_IDLE: Final = "reserved_idle_second"
"""The component of the seconds in which none ran; they have the same price."""


@dataclass(frozen=True, slots=True)
class ReservedCharge:
    """What a slot costs; each part is exactly its seconds times the unit price."""

    used: Decimal
    idle: Decimal

    @property
    def total(self) -> Decimal:
        return self.used + self.idle


def reserved_charge(unit_price: Decimal, used_s: int, idle_s: int) -> ReservedCharge:
    """Charge whole seconds."""
    return ReservedCharge(product(Decimal(used_s), unit_price), product(Decimal(idle_s), unit_price))
