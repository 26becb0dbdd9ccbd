"""What is live: one subscription a client, however many jobs it waits for.

A live message is a hint, never the truth: a plain subscription also hears what the log then refused. Whoever waits is
woken by the hint and reads the log.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from queuebit.transport import Stop, Transport

__all__ = ["JobSignal", "Watch"]


class JobSignal:
    """What was heard about one job."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.moved = asyncio.Event()


class Watch:
    """Hears every job event of a tenant, and keeps what concerns the jobs that somebody holds."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant
        self._signals: WeakValueDictionary[str, JobSignal] = WeakValueDictionary()
        self._starting = asyncio.Lock()
        self._stop: Stop | None = None

    def signal(self, job: str) -> JobSignal:
        """Return the signal of a job; it exists for as long as a caller holds it."""
        if (signal := self._signals.get(job)) is None:
            self._signals[job] = signal = JobSignal()
        return signal

    async def start(self) -> None:
        """Listen, if this client does not yet."""
        if self._stop is None:
            async with self._starting:
                if self._stop is None:
                    self._stop = await self._transport.follow(f"qb.job.{self._tenant}.>", self._heard)

    def _heard(self, subject: str, body: bytes) -> None:
        del body
        _, _, _, job, name, *_ = subject.split(".")
        if signal := self._signals.get(job):
            signal.names.add(name)
            signal.moved.set()
