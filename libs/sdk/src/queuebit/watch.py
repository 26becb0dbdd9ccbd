"""Live messages: one subscription for each client, for any number of jobs.

A live message is only a hint: a plain subscription also receives messages that the log then refuses. The hint wakes
the waiting task, which reads the log.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from queuebit.transport import Transport, Unsubscribe
from queuebit_contracts.subjects import of_tenant, parse

__all__ = ["JobSignal", "Watch"]


class JobSignal:
    """Live messages about one job."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.moved = asyncio.Event()


class Watch:
    """Receives every job event of a tenant, and keeps those of jobs with a handle."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant
        self._signals: WeakValueDictionary[str, JobSignal] = WeakValueDictionary()
        self._starting = asyncio.Lock()
        self._stop: Unsubscribe | None = None

    def signal(self, job: str) -> JobSignal:
        """Return the signal of a job; it exists while a caller holds it."""
        if (signal := self._signals.get(job)) is None:
            self._signals[job] = signal = JobSignal()
        return signal

    async def start(self) -> None:
        """Subscribe, unless already subscribed."""
        if self._stop is None:
            async with self._starting:
                if self._stop is None:
                    self._stop = await self._transport.follow(of_tenant("job", self._tenant), self._on_message)

    def _on_message(self, subject: str, body: bytes) -> None:
        del body
        it = parse(subject)
        if signal := self._signals.get(it.id):
            signal.names.add(it.event)
            signal.moved.set()
