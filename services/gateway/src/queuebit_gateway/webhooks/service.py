"""Creates, changes, tests and removes endpoints: any gateway does, also for those for which another delivers."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from queuebit_gateway.problems import Problem
from queuebit_gateway.webhooks.buckets import SCHEME
from queuebit_gateway.webhooks.held import Change, Held
from queuebit_gateway.webhooks.owning import Endpoints, Owning
from queuebit_gateway.webhooks.records import PARKED, Outcome, Replay, Retry, Webhook, enabled, rotated
from queuebit_gateway.webhooks.worker import Parts, Worker, event_at
from queuebit_kernel import Stale, Superseded, rfc3339

__all__ = ["MOST", "Webhooks"]

MOST: Final = 16
"""Endpoints of one tenant."""
_TRIES: Final = 5
"""How often a change is made again because another gateway wrote in between."""


class Webhooks:
    """What admins do with their endpoints. A change is stored before it is answered."""

    def __init__(
        self, parts: Parts, kept: Endpoints, owning: Owning, end: Callable[[], Awaitable[int]], origin: str
    ) -> None:
        """Prepare.

        Args:
            parts: what workers share.
            kept: where endpoints are kept.
            owning: the workers that are here.
            end: the sequence of the newest event in the log.
            origin: the name under which endpoints are asked for permission.
        """
        self._parts = parts
        self._kept = kept
        self._owning = owning
        self._end = end
        self._origin = origin
        self._testing: set[str] = set()
        self._creating = asyncio.Lock()

    async def of(self, tenant: str) -> list[Webhook]:
        """The endpoints of a tenant, oldest first."""
        found = [it.webhook for it in await self._kept.of(tenant)]
        here = [worker.webhook if (worker := self._owning.worker(it)) else it for it in found if it is not None]
        return sorted(here, key=lambda it: it.created_at)

    async def one(self, tenant: str, webhook: str) -> Webhook:
        """An endpoint; raises a `Problem` if the tenant has no such one."""
        found = next((it for it in await self.of(tenant) if it.id == webhook), None)
        if found is None:
            raise Problem(404, "unknown_webhook", "there is no such webhook here", "`GET /v1/webhooks` lists them")
        return found

    async def create(
        self,
        tenant: str,
        user: str,
        url: str,
        types: tuple[str, ...],
        description: str,
        *,
        handshake: bool = False,
        keys: str = "",
    ) -> Webhook:
        """Create an endpoint; it gets the events that are stored from now on, and a bucket their results."""
        if self._parts.buckets is not None and url.startswith(SCHEME):
            self._parts.buckets.check(tenant, url, keys)
        else:
            self._parts.sender.check(url)
        per_minute = await self._permitted(url, tenant) if handshake else None
        async with self._creating:
            return await self._placed(
                Webhook(
                    id=f"wh_{secrets.token_hex(8)}",
                    tenant=tenant,
                    slot=0,
                    url=url,
                    types=types,
                    description=description,
                    created_at=self._parts.now,
                    created_by=user,
                    position=await self._end(),
                    handshake=handshake,
                    per_minute=per_minute,
                    keys=keys,
                    owner=self._parts.leases.owner if self._parts.leases.valid else "",
                )
            )

    async def delete(self, tenant: str, webhook: str) -> None:
        """Remove an endpoint. This gateway sends nothing more; another one stops when it looks next.

        If that is not stored, the deliveries go on with the next look, too.
        """
        for _ in range(_TRIES):
            found = await self.one(tenant, webhook)
            if self._owning.worker(found) is not None:
                await self._owning.stop(found)
            entry = await self._kept.entry(tenant, found.slot)
            try:
                if (stored := entry.webhook) is not None and stored.id == webhook:
                    await self._kept.free(stored, entry.revision)
            except Stale:
                continue
            return
        raise _busy("another gateway writes it")

    async def replay_one(self, tenant: str, webhook: str, sequence: int) -> None:
        """Send one event of the tenant again, as soon as possible."""
        _usable(await self.one(tenant, webhook))
        if await event_at(self._parts.past, tenant, sequence) is None:
            raise Problem(404, "unknown_event", f"this tenant has no event {sequence}", "`…/deliveries` has their `n`")
        due = self._parts.now

        def again(it: Webhook) -> Webhook:
            others = tuple(retry for retry in _usable(it).retries if retry.sequence != sequence)
            if len(others) >= PARKED:
                raise _busy(f"{PARKED} deliveries wait for another try already")
            return it.model_copy(update={"retries": (*others, Retry(sequence=sequence, tries=0, due=due))})

        await self._change(tenant, webhook, again)

    async def replay(self, tenant: str, webhook: str, after: int, until: int) -> Replay:
        """Send the wanted events of a range again, oldest first, before newer ones."""

        def again(it: Webhook) -> Webhook:
            if _usable(it).replay is not None:
                raise _busy("a range is being sent again already")
            return it.model_copy(update={"replay": Replay(after=after, until=min(until, it.position))})

        changed = await self._change(tenant, webhook, again)
        return changed.replay or Replay(after=after, until=until)

    async def enable(self, tenant: str, webhook: str, *, missed: bool) -> Webhook:
        """Use a disabled endpoint again; with `missed`, it gets first what it missed."""
        found = await self.one(tenant, webhook)
        if found.disabled is None:
            raise Problem(409, "webhook_enabled", "the webhook is not disabled", "`:replay` sends events again")
        per_minute = await self._permitted(found.url, tenant) if found.handshake else None
        end = None if missed else await self._end()
        return await self._change(
            tenant, webhook, lambda it: enabled(it, end=end).model_copy(update={"per_minute": per_minute})
        )

    async def rotate(self, tenant: str, webhook: str, overlap_s: float) -> Webhook:
        """Give an endpoint a new secret; the one before signs, too, for a time."""
        now = self._parts.now

        def new(it: Webhook) -> Webhook:
            if overlap_s and it.former_until is not None and it.former_until > now:
                raise Problem(
                    409,
                    "webhook_rotating",
                    "the secret before this one is still good: wait until it ends, or rotate with an overlap of 0, "
                    "which ends all earlier secrets at once",
                )
            return rotated(it, now=now, overlap_s=overlap_s)

        return await self._change(tenant, webhook, new)

    async def test(self, tenant: str, webhook: str) -> tuple[str, Outcome]:
        """Send a test event now, once; return its id and what came of it."""
        found = await self.one(tenant, webhook)
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
            return identifier, await self._parts.send(found, identifier, json.dumps(event).encode())
        finally:
            self._testing.discard(webhook)

    async def _placed(self, new: Webhook) -> Webhook:
        """Store a new endpoint in the first free slot of its tenant, and deliver for it."""
        for _ in range(_TRIES):
            slots = {int(it.key[1]): it for it in await self._kept.of(new.tenant)}
            slot = next((it for it in range(1, MOST + 1) if it not in slots or not slots[it].body), None)
            if slot is None:
                raise Problem(409, "too_many_webhooks", f"a tenant has at most {MOST} webhooks", "delete one first")
            placed = new.model_copy(update={"slot": slot})
            try:
                revision = await self._kept.put(placed, slots[slot].revision if slot in slots else 0)
            except Stale:  # another gateway took the slot
                continue
            if placed.owner:
                self._owning.run(placed, revision)
            return placed
        raise _busy("other webhooks are being created")

    async def _permitted(self, url: str, tenant: str) -> int | None:
        """Ask an endpoint for permission; return how many requests in a minute it allows, None for any number."""
        permission = await self._parts.sender.permission(url, self._origin, tenant)
        if permission.refusal is not None:
            raise Problem(
                422,
                "handshake_refused",
                f"the endpoint does not allow requests of {self._origin}: {permission.refusal}",
                "answer OPTIONS with WebHook-Allowed-Origin, or create the webhook without `handshake`",
            )
        return permission.per_minute

    async def _change(self, tenant: str, webhook: str, change: Change) -> Webhook:
        """Change an endpoint, here or for the gateway that delivers, which sees it when it looks next."""
        for _ in range(_TRIES):
            found = await self.one(tenant, webhook)
            worker: Worker | None = self._owning.worker(found)
            try:
                if worker is not None:
                    changed = await worker.held.update(change)
                    worker.wake()
                    return changed
                entry = await self._kept.entry(tenant, found.slot)
                if (stored := entry.webhook) is not None and stored.id == webhook:
                    return await Held(self._kept, stored, entry.revision).update(change)
            except Superseded:  # it has another owner now, or none
                if worker is not None:
                    await self._owning.round()
        raise _busy("other gateways change it")


def _usable(webhook: Webhook) -> Webhook:
    if webhook.disabled is not None:
        why = f"the webhook is disabled, because {webhook.disabled}: enable it first"
        raise Problem(409, "webhook_disabled", why, "`POST /v1/webhooks/{id}:enable` uses it again")
    return webhook


def _busy(detail: str) -> Problem:
    return Problem(409, "webhook_busy", detail, "wait until it is done", retry_after_s=10, retryable=True)
