"""What the handlers need besides the log and the payload store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from queuebit_executor.answers import Estimate, Profiled, Ran, Refused

__all__ = ["Asker", "Circuits", "Worker"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to know; tenants take turns."""

    tenant: str
    begin_by: float | None = None
    """When it is too late to begin, on the event loop's clock: the answer would find nobody."""


class Circuits(Protocol):
    """Whoever can read and run circuits. Raises `Unavailable` when that is not the circuit's fault."""

    async def calibration(self, backend: str) -> bytes:
        """A device's snapshot, as JSON."""
        ...

    async def profile(self, source: bytes, asker: Asker) -> Profiled | Refused:
        """Parse."""
        ...

    async def estimate(self, source: bytes, backend: str, asker: Asker) -> Estimate | Refused:
        """Compile for one backend."""
        ...

    def worker(self, backend: str) -> AbstractAsyncContextManager[Worker]:
        """Wait until a worker of the backend is free, in the order of asking, and have it for one run.

        It is free for the next as soon as the context is left: a run that is still under way then is killed.
        """
        ...


class Worker(Protocol):
    """One slot of a backend."""

    async def run(self, source: bytes, shots: int, seed: int, *, budget_us: int, token: str) -> Ran | Refused:
        """Compile and run; a device is not started when it would take longer than `budget_us`.

        The token names the run: see `queuebit_quantum.Backend.submit`.
        """
        ...
