"""What the handlers need besides the log and the payload store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from queuebit_executor.answers import Offer, Profiled, Ran, Refused

__all__ = ["Circuits"]


class Circuits(Protocol):
    """Whoever can read and run circuits. Raises `Unavailable` when that is not the circuit's fault."""

    async def offers(self) -> tuple[Offer, ...]:
        """Describe the backends."""
        ...

    async def calibration(self, backend: str) -> bytes:
        """A device's snapshot, as JSON."""
        ...

    async def profile(self, source: bytes, backends: Sequence[str]) -> Profiled | Refused:
        """Parse, and compile for each backend."""
        ...

    async def run(self, source: bytes, backend: str, shots: int, seed: int, budget_us: int) -> Ran | Refused:
        """Compile and run; a device is not started when it would take longer than `budget_us`."""
        ...
