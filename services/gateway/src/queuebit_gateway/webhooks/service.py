"""The endpoints of all tenants, each with its worker."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from queuebit_gateway.problems import Problem
from queuebit_gateway.webhooks.records import PARKED, Outcome, Replay, Retry, Webhook
from queuebit_gateway.webhooks.worker import Endpoints, Parts, Worker, event_at
from queuebit_kernel import Unavailable, rfc3339
from queuebit_runtime.tasks import Tasks

__all__ = ["MOST", "Webhooks"]

MOST: Final = 16
"""Endpoints of one tenant."""


class Webhooks:
    """Creates, changes and removes endpoints. A change is stored before it is answered."""

    def __init__(self, parts: Parts, stored: Endpoints, tasks: Tasks, end: Callable[[], Awaitable[int]]) -> None:
        """Prepare.

        Args:
            parts: what workers share.
            stored: where endpoints are kept.
            tasks: runs the workers.
            end: the sequence of the newest event in the log.
        """
        self._parts = parts
        self._stored = stored
        self._tasks = tasks
        self._end = end
        self._running: dict[tuple[str, str], tuple[Worker, asyncio.Task[None]]] = {}
        self._testing: set[str] = set()
        self._changing = asyncio.Lock()

    @property
    def number(self) -> int:
        """How many endpoints there are."""
        return len(self._running)

    async def start(self) -> None:
        """Continue the deliveries of all endpoints where they were."""
        for webhook in await self._stored.all():
            self._run(webhook)

    async def close(self) -> None:
        """End all deliveries, and store where they are."""
        running = [*self._running.values()]
        for _, task in running:
            task.cancel()
        await asyncio.gather(*(task for _, task in running), return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker, _ in running), return_exceptions=True)

    def of(self, tenant: str) -> list[Webhook]:
        """The endpoints of a tenant, oldest first."""
        found = [worker.webhook for (owner, _), (worker, _) in self._running.items() if owner == tenant]
        return sorted(found, key=lambda it: it.created_at)

    def worker(self, tenant: str, webhook: str) -> Worker:
        """The worker of an endpoint; raises a `Problem` if the tenant has no such endpoint."""
        if (found := self._running.get((tenant, webhook))) is None:
            raise Problem(404, "unknown_webhook", "there is no such webhook here", "`GET /v1/webhooks` lists them")
        return found[0]

    async def create(self, tenant: str, user: str, url: str, types: tuple[str, ...], description: str) -> Webhook:
        """Create an endpoint; it gets the events that are stored from now on."""
        self._parts.sender.check(url)
        async with self._changing:
            used = {it.slot for it in self.of(tenant)}
            slot = next((it for it in range(1, MOST + 1) if it not in used), None)
            if slot is None:
                raise Problem(409, "too_many_webhooks", f"a tenant has at most {MOST} webhooks", "delete one first")
            webhook = Webhook(
                id=f"wh_{secrets.token_hex(8)}",
                tenant=tenant,
                slot=slot,
                url=url,
                types=types,
                description=description,
                created_at=self._parts.now,
                created_by=user,
                position=await self._end(),
            )
            await self._stored.put(webhook)
            self._run(webhook)
        return webhook

    async def delete(self, tenant: str, webhook: str) -> None:
        """Remove an endpoint; nothing more is sent."""
        async with self._changing:
            worker = self.worker(tenant, webhook)
            _, task = self._running[tenant, webhook]
            task.cancel()
            await asyncio.wait({task})
            try:
                await self._stored.free(worker.webhook)
            except Unavailable:
                self._run(worker.webhook)
                raise
            del self._running[tenant, webhook]

    async def replay_one(self, tenant: str, webhook: str, sequence: int) -> None:
        """Send one event of the tenant again, as soon as possible."""
        worker = self._usable(tenant, webhook)
        if await event_at(self._parts.past, tenant, sequence) is None:
            raise Problem(404, "unknown_event", f"this tenant has no event {sequence}", "`…/deliveries` has their `n`")
        others = tuple(it for it in worker.webhook.retries if it.sequence != sequence)
        if len(others) >= PARKED:
            raise _busy(f"{PARKED} deliveries wait for another try already")
        retry = Retry(sequence=sequence, tries=0, due=self._parts.now)
        await self._change(worker, retries=(*others, retry))

    async def replay(self, tenant: str, webhook: str, after: int, until: int) -> Replay:
        """Send the wanted events of a range again, oldest first, before newer ones."""
        worker = self._usable(tenant, webhook)
        if worker.webhook.replay is not None:
            raise _busy("a range is being sent again already")
        replay = Replay(after=after, until=min(until, worker.webhook.position))
        await self._change(worker, replay=replay)
        return replay

    async def test(self, tenant: str, webhook: str) -> tuple[str, Outcome]:
        """Send a test event now, once; return its id and what came of it."""
        worker = self.worker(tenant, webhook)
        if webhook in self._testing:
            raise _busy("a test of this webhook is running already")
        identifier, moment = f"test_{secrets.token_hex(8)}", rfc3339(self._parts.clock.now())
        event = {
            "specversion": "1.0",
            "id": identifier,
            "type": "queuebit.webhook.test.v1",
            "source": "qb/gateway",
            "time": moment,
            "datacontenttype": "application/json",
            "data": {"tenant": tenant, "webhook": webhook},
        }
        self._testing.add(webhook)
        try:
            return identifier, await worker.send(identifier, json.dumps(event).encode())
        finally:
            self._testing.discard(webhook)

    def _usable(self, tenant: str, webhook: str) -> Worker:
        worker = self.worker(tenant, webhook)
        if worker.webhook.disabled is not None:
            why = f"the webhook is disabled: {worker.webhook.disabled}"
            raise Problem(409, "webhook_disabled", why, "delete it, and create it again when the receiver is back")
        return worker

    async def _change(self, worker: Worker, **fields: object) -> None:
        worker.webhook = worker.webhook.model_copy(update=fields)
        await self._stored.put(worker.webhook)
        worker.wake()

    def _run(self, webhook: Webhook) -> None:
        worker = Worker(self._parts, webhook)
        task = self._tasks.spawn(worker.run(), f"webhook {webhook.id}")
        self._running[webhook.tenant, webhook.id] = worker, task


def _busy(detail: str) -> Problem:
    return Problem(409, "webhook_busy", detail, "wait until it is done", retry_after_s=10, retryable=True)
