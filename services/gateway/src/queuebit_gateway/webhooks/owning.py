"""Which endpoints this gateway delivers for: those that it owns. It takes what no living gateway owns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from queuebit_gateway.webhooks.held import Held, Slots
from queuebit_gateway.webhooks.leases import Heartbeats
from queuebit_gateway.webhooks.records import Webhook
from queuebit_gateway.webhooks.store import Entry
from queuebit_gateway.webhooks.worker import Parts, Worker
from queuebit_kernel import Fault, Stale, Superseded, Unavailable
from queuebit_runtime.tasks import Tasks

__all__ = ["Endpoints", "Owning"]

_log = logging.getLogger(__name__)

_Key = tuple[str, int]  # tenant and slot


class Endpoints(Slots, Heartbeats, Protocol):
    """Where endpoints and heartbeats are kept; as `Store`."""

    async def all(self) -> list[Entry]:
        """All entries, in the order of their revisions."""
        ...

    async def after(self, revision: int) -> list[Entry]:
        """What was written since a revision."""
        ...

    async def of(self, tenant: str) -> list[Entry]:
        """The slots of a tenant."""
        ...

    async def free(self, webhook: Webhook, revision: int) -> None:
        """Remove an endpoint."""
        ...


class Owning:
    """The workers of this gateway. `round` looks again and again at what others wrote, and who lives."""

    def __init__(self, parts: Parts, kept: Endpoints, tasks: Tasks, removed: Callable[[], Iterable[str]]) -> None:
        """Prepare.

        Args:
            parts: what workers share.
            kept: where endpoints are kept.
            tasks: runs the workers.
            removed: gives the names of former tenants, whose endpoints are removed.
        """
        self._parts = parts
        self._leases = parts.leases
        self._kept = kept
        self._tasks = tasks
        self._removed = removed
        self._seen = 0
        self._owners: dict[_Key, tuple[int, str]] = {}
        """Owners of endpoints that are not here, each with the revision that names it."""
        self._known: dict[_Key, Entry] = {}
        """Entries of endpoints, as they were when they were last read."""
        self._running: dict[_Key, tuple[Worker, asyncio.Task[None]]] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def number(self) -> int:
        """For how many endpoints this gateway delivers."""
        return len(self._running)

    def worker(self, webhook: Webhook) -> Worker | None:
        """The worker of an endpoint; None if it is not here."""
        found = self._running.get((webhook.tenant, webhook.slot))
        return found[0] if found is not None and found[0].webhook.id == webhook.id else None

    async def start(self) -> None:
        """Take what no living gateway owns, and go on to look. Raises `Unavailable`."""
        entries = await self._kept.all()
        for it in entries:
            self._read(it, at_start=True)
        await self._leases.beat()
        self._leases.confirm()
        await self._settle()
        self._looking = self._tasks.spawn(self._look(), "webhooks")

    async def round(self) -> None:
        """Write a heartbeat, read what others wrote, and take what is free. Raises `Unavailable`."""
        lapsed = not self._leases.valid
        await self._leases.beat()
        for it in await (self._kept.all() if lapsed else self._kept.after(self._seen)):
            running = self._running.get((it.key[0], int(it.key[1]))) if len(it.key) == 2 else None
            self._read(it)
            if running is not None and it.revision > running[0].held.revision:
                await self._meet(running[0], it)
        self._leases.confirm()
        await self._settle()

    def run(self, webhook: Webhook, revision: int) -> None:
        """Deliver for an endpoint that names this gateway as its owner."""
        worker = Worker(self._parts, Held(self._kept, webhook, revision, self._leases.owner))
        task = self._tasks.spawn(worker.run(), f"webhook {webhook.id}")
        self._running[webhook.tenant, webhook.slot] = worker, task

    async def stop(self, webhook: Webhook) -> None:
        """End the deliveries for an endpoint."""
        _, task = self._running.pop((webhook.tenant, webhook.slot))
        task.cancel()
        await asyncio.wait({task})

    async def close(self) -> None:
        """End all deliveries, store where they are, and leave the endpoints to others."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        workers = [worker for worker, _ in self._running.values()]
        await asyncio.gather(*(self.stop(it.webhook) for it in workers))
        await asyncio.gather(*(it.held.update(_unowned) for it in workers), return_exceptions=True)
        try:
            await self._leases.end()
        except Fault as error:
            _log.info("others take this gateway's endpoints when its lease ends: %s", error)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._leases.every_s)
            try:
                await self.round()
            except Unavailable as error:
                _log.info("webhooks wait: %s", error)

    def _read(self, entry: Entry, *, at_start: bool = False) -> None:
        self._seen = max(self._seen, entry.revision)
        if len(entry.key) == 1:
            self._leases.saw(entry, at_start=at_start)
        elif entry.body:
            self._known[entry.key[0], int(entry.key[1])] = entry
        else:
            self._known.pop((entry.key[0], int(entry.key[1])), None)

    async def _meet(self, worker: Worker, entry: Entry) -> None:
        try:
            await worker.held.meet(entry)
        except Superseded as error:
            _log.info("%s", error)
            await self.stop(worker.webhook)
        else:
            worker.wake()

    async def _settle(self) -> None:
        """Take what is free, and end what is not wanted any more."""
        for key, (_, task) in [*self._running.items()]:
            if task.done():
                del self._running[key]
        for key, entry in [*self._known.items()]:
            if key[0] in self._removed():
                await self._remove(key, entry)
            elif key not in self._running and self._leases.valid and not self._leases.lives(self._owner(key, entry)):
                await self._take(entry)

    def _owner(self, key: _Key, entry: Entry) -> str:
        revision, owner = self._owners.get(key, (0, ""))
        if revision != entry.revision:
            webhook = entry.webhook
            owner = "" if webhook is None else webhook.owner
            self._owners[key] = entry.revision, owner
        return owner

    async def _take(self, entry: Entry) -> None:
        if (webhook := entry.webhook) is None:
            return
        mine = webhook.model_copy(update={"owner": self._leases.owner, "write": ""})
        try:
            revision = await self._kept.put(mine, entry.revision)
        except Stale:  # another took it, or it was changed: the next round knows
            return
        _log.info("delivering for webhook %s of %s", mine.id, mine.tenant)
        self.run(mine, revision)

    async def _remove(self, key: _Key, entry: Entry) -> None:
        """Remove the endpoint of a tenant that there is no more."""
        running = self._running.get(key)
        webhook, revision = entry.webhook, entry.revision
        if running is not None:
            webhook = running[0].webhook
            await self.stop(webhook)
            revision = running[0].held.revision
        if webhook is not None:
            try:
                await self._kept.free(webhook, revision)
            except Stale:
                return
            _log.info("webhook %s is removed with its tenant %s", webhook.id, webhook.tenant)
        self._known.pop(key, None)


def _unowned(webhook: Webhook) -> Webhook:
    return webhook.model_copy(update={"owner": ""})
