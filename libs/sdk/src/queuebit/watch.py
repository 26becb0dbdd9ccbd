"""Live events: one subscription for each name of an event, for any number of jobs.

The log publishes an event once it has stored it, so that a live event needs no further read. It can be lost: a waiting
task also reads the log after a gap, and from time to time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from weakref import WeakValueDictionary

from queuebit.transport import Message, Transport, Unsubscribe
from queuebit_contracts.subjects import job, of_tenant, parse, stored

__all__ = ["QUALIFIED", "JobSignal", "Watch"]

QUALIFIED = ("placed",)
"""Events whose subject always ends in a qualifier: the backend."""


class JobSignal:
    """Live events of one job."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        """By the name of the event, such as `completed`."""
        self.gaps = 0
        """How often messages may have been lost."""
        self.changes = 0
        """How often there was anything new: a wait begins with the number from before the last look."""
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """End the waits of all that share the signal."""
        self.changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, changes: int) -> None:
        """Wait for more than so many changes."""
        if self.changes == changes:
            await self._changed.wait()


class Watch:
    """Receives the events of a tenant's jobs that a caller waits for, and keeps those of jobs with a handle."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant
        self._signals: WeakValueDictionary[str, JobSignal] = WeakValueDictionary()
        self._starting = asyncio.Lock()
        self.names: frozenset[str] = frozenset()
        """The names of events that are received."""

    def signal(self, job: str) -> JobSignal:
        """Return the signal of a job; it exists while a caller holds it."""
        if (signal := self._signals.get(job)) is None:
            self._signals[job] = signal = JobSignal()
        return signal

    async def start(self, names: Iterable[str]) -> None:
        """Receive events of these names from now on, for as long as the connection is open."""
        if not self.names.issuperset(names):
            async with self._starting:
                if missing := sorted({*names} - self.names):
                    wanted = [self._pattern(name) for name in missing]
                    await self._transport.follow(wanted, self._on_message, self._on_gap)
                    self.names |= {*missing}

    async def follow(self, job_id: str, moved: asyncio.Event) -> Unsubscribe:
        """Set `moved` whenever anything happens to a job."""
        everything = stored(job(self._tenant, job_id).everything)
        return await self._transport.follow([everything], lambda _: moved.set(), moved.set)

    def _pattern(self, name: str) -> str:
        everywhere = stored(of_tenant("job", self._tenant, name))
        return f"{everywhere}.*" if name in QUALIFIED else everywhere

    def _on_message(self, message: Message) -> None:
        it = parse(message.subject)
        if signal := self._signals.get(it.id):
            signal.messages[it.event] = message
            signal.notify()

    def _on_gap(self) -> None:
        for signal in self._signals.values():
            signal.gaps += 1
            signal.notify()
