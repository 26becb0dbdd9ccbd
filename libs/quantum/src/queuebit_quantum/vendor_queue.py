"""Backends whose vendor says how long the queue in front of a device is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["Queueing", "VendorQueue"]


@dataclass(frozen=True, slots=True)
class VendorQueue:
    """What a vendor says of the queue in front of a new job; at least one of both."""

    jobs: int | None = None
    """Jobs that have not ended, of all its customers."""
    wait_s: float | None = None
    """The vendor's own forecast of the wait, in seconds."""


@runtime_checkable
class Queueing(Protocol):
    """What a backend has in addition if its vendor reports its queue; a plugin may have it."""

    def queue(self) -> VendorQueue | None:
        """Ask the vendor; None if it does not say it of this device. Raises as every call to a vendor."""
        ...
