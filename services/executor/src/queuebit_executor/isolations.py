"""Whether a placement may begin: not on a backend that was isolated after it was placed."""

from __future__ import annotations

import asyncio

from queuebit_contracts.fleet import PROBES, BackendIsolated, BackendReadmitted
from queuebit_contracts.job import JobPlaced
from queuebit_runtime.stored import Stored

__all__ = ["Isolations"]


class Isolations:
    """Which backends are isolated, by the log. A placement waits here until the scheduler moves it, or until the
    backend is readmitted; those of probes do not wait."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._isolated: set[str] = set()
        self._changed = asyncio.Event()

    def take(self, stored: Stored) -> None:
        """Fold a fact about a backend."""
        match stored.event:
            case BackendIsolated(data=data):
                self._isolated.add(data.backend)
            case BackendReadmitted(data=data):
                self._isolated.discard(data.backend)
                self._changed.set()
                self._changed = asyncio.Event()

    def holds(self, placed: JobPlaced) -> bool:
        """Whether a placement must wait now."""
        return placed.data.backend in self._isolated and placed.data.tenant != PROBES

    async def opened(self, placed: JobPlaced) -> None:
        """Wait until a placement may begin."""
        while self.holds(placed):
            await self._changed.wait()
