"""What is live: one subscription a client, however many jobs it waits for.

A live message is a hint, never the truth: a plain subscription also hears what the log then refused. Whoever waits is
woken by the hint and reads the log.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from queuebit.transport import Stop, Transport

__all__ = ["Ear", "Watch"]


class Ear:
    """What was heard about one job."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.moved = asyncio.Event()


class Watch:
    """Hears every job event of a tenant, and keeps what concerns the jobs that somebody holds."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant
        self._ears: WeakValueDictionary[str, Ear] = WeakValueDictionary()
        self._starting = asyncio.Lock()
        self._stop: Stop | None = None

    def ear(self, job: str) -> Ear:
        """What is heard about a job for as long as the ear is held."""
        if (ear := self._ears.get(job)) is None:
            self._ears[job] = ear = Ear()
        return ear

    async def start(self) -> None:
        """Listen, if this client does not yet."""
        if self._stop is None:
            async with self._starting:
                if self._stop is None:
                    self._stop = await self._transport.follow(f"qb.job.{self._tenant}.>", self._heard)

    def _heard(self, subject: str, body: bytes) -> None:
        del body
        _, _, _, job, name, *_ = subject.split(".")
        if ear := self._ears.get(job):
            ear.names.add(name)
            ear.moved.set()
