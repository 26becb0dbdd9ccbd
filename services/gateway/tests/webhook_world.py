"""Gateways that deliver webhooks, on a log, a bucket and receivers in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.types import ASGIApp

from queuebit_gateway.callers import Caller
from queuebit_gateway.hub import Hub
from queuebit_gateway.settings import Settings
from queuebit_gateway.web import web_app
from queuebit_gateway.webhooks.leases import Leases
from queuebit_gateway.webhooks.owning import Owning
from queuebit_gateway.webhooks.records import Heartbeat, Outcome, Webhook
from queuebit_gateway.webhooks.routes import WebhookRoutes
from queuebit_gateway.webhooks.sending import Permission
from queuebit_gateway.webhooks.service import Webhooks
from queuebit_gateway.webhooks.signing import Signing
from queuebit_gateway.webhooks.store import Entry
from queuebit_gateway.webhooks.worker import Parts
from queuebit_kernel import FixedClock, Stale, Unavailable
from queuebit_runtime.addresses import Rules
from queuebit_runtime.keys import new_seed
from queuebit_runtime.retries import Verdict
from queuebit_runtime.tasks import Tasks
from queuebit_testing.memory import MemoryLog

from .asgi import Answer, send
from .conftest import Bus, MemoryReader, platform

URL = "https://example.com/hook"
OK = Outcome(verdict=Verdict.DELIVERED, status=204)


def well(_: str) -> Outcome:
    return OK


class Receivers:
    """Takes requests in the place of a network. Answers by URL; by default, all is well."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        """URL and `webhook-id` of each request."""
        self.answers: dict[str, Callable[[str], Outcome]] = {}
        self.hanging: set[str] = set()
        self.permitted = Permission()
        self.origins: list[str] = []
        """Who asked for permission."""
        self.signatures: list[str] = []
        self.changed = asyncio.Event()

    def check(self, url: str) -> None:
        Rules("ALLOW", (), ()).target(url)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, owner: str = "") -> Outcome:
        identifier = headers["webhook-id"]
        if url in self.hanging:
            await asyncio.Event().wait()
        self.taken.append((url, identifier))
        self.signatures.append(headers["webhook-signature"])
        self.changed.set()
        return self.answers.get(url, well)(identifier)

    async def permission(self, url: str, origin: str, owner: str = "") -> Permission:
        self.origins.append(origin)
        return self.permitted

    def sequences(self, url: str = URL) -> list[int]:
        return [int(it.split("_")[1]) for at, it in self.taken if at == url and it.startswith("msg_")]

    async def until(self, sequences: list[int], url: str = URL) -> None:
        async with asyncio.timeout(5):
            while self.sequences(url) != sequences:
                self.changed.clear()
                await self.changed.wait()


class Kept:
    """The bucket, in memory: entries of endpoints and gateways, each with its revision."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, ...], Entry] = {}
        self.revision = 0
        self.down = False
        self.loses = 0
        """Writes that are stored and not answered."""

    @property
    def endpoints(self) -> list[Webhook]:
        found = (it.webhook for it in self.written.values() if len(it.key) == 2)
        return [it for it in found if it is not None]

    async def all(self) -> list[Entry]:
        return await self.after(0)

    async def after(self, revision: int) -> list[Entry]:
        self._reach()
        found = (it for it in self.written.values() if it.revision > revision)
        return sorted(found, key=lambda it: it.revision)

    async def of(self, tenant: str) -> list[Entry]:
        self._reach()
        found = [it for it in self.written.values() if len(it.key) == 2 and it.key[0] == tenant]
        await asyncio.sleep(0)  # others write meanwhile
        return found

    async def entry(self, tenant: str, slot: int) -> Entry:
        self._reach()
        key = tenant, str(slot)
        return self.written.get(key, Entry(key, 0, b""))

    async def put(self, webhook: Webhook, revision: int) -> int:
        return self._write((webhook.tenant, str(webhook.slot)), webhook.model_dump_json().encode(), revision)

    async def free(self, webhook: Webhook, revision: int) -> None:
        self._write((webhook.tenant, str(webhook.slot)), b"", revision)

    async def beat(self, name: str, heartbeat: Heartbeat | None, revision: int) -> int:
        return self._write((name,), heartbeat.model_dump_json().encode() if heartbeat else b"", revision)

    def _write(self, key: tuple[str, ...], body: bytes, revision: int) -> int:
        self._reach()
        if (found := self.written.get(key)) is not None and found.revision != revision:
            raise Stale("written by another")
        self.revision += 1
        self.written[key] = Entry(key, self.revision, body)
        if self.loses and len(key) == 2:
            self.loses -= 1
            raise Unavailable("the answer was lost")
        return self.revision

    def _reach(self) -> None:
        if self.down:
            raise Unavailable("the bus is down")


class Gate:
    """The webhooks of one gateway."""

    def __init__(self, world: World, name: str) -> None:
        self.tasks = Tasks()
        self.leases = Leases(world.kept, name, 10, world.clock)
        sender: Any = world.receivers
        parts = Parts(world.hub, world.reader, self.leases, sender, world.signing, world.clock, lambda: 0.0)
        self.parts = parts

        async def end() -> int:
            return len(world.log.stored)

        self.owning = Owning(parts, world.kept, self.tasks, lambda: world.removed)
        self.webhooks = Webhooks(parts, world.kept, self.owning, end, "gateway.example")

    def wake(self) -> None:
        for worker, _ in self.owning._running.values():
            worker.wake()


class World:
    """Gateways, which can end and start again on what was kept."""

    def __init__(self, log: MemoryLog, hub: Hub, reader: MemoryReader) -> None:
        self.log, self.hub, self.reader = log, hub, reader
        self.receivers, self.kept, self.clock = Receivers(), Kept(), FixedClock()
        self.signing = Signing(new_seed())
        self.removed: set[str] = set()
        self.gates: list[Gate] = []

    @property
    def webhooks(self) -> Webhooks:
        return self.gates[0].webhooks

    async def open(self, name: str = "one") -> Gate:
        """Start a gateway."""
        gate = Gate(self, name)
        await gate.owning.start()
        self.gates.append(gate)
        return gate

    async def store(self, *events: object) -> None:
        for event in events:
            await self.log.append(event)  # type: ignore[arg-type]  # events
        self.reader.catch_up()

    async def kill(self, gate: Gate) -> None:
        """End one without a word."""
        self.gates.remove(gate)
        await gate.tasks.close()

    async def crash(self) -> None:
        """End the first without a word, and start it again."""
        await self.kill(self.gates[0])
        await self.open()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and have all gateways look as often as they would."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0:
            self.clock.advance(min(left, 2.0))
            for it in self.gates:
                with suppress(Unavailable):
                    await it.owning.round()
        for it in self.gates:
            it.wake()


def fail(_: str) -> Outcome:
    return Outcome(verdict=Verdict.FAILED, status=500)


async def added(world: World, url: str = URL, types: tuple[str, ...] = ()) -> Webhook:
    return await world.webhooks.create("acme", "ann", url, types, "")


class Api:
    """The addresses, for one caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, method: str, path: str, body: object = None) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        return await send(self._app, method, path, headers=[("content-type", "application/json")], body=content)


@asynccontextmanager
async def door(world: World, bus: Bus, role: str = "admin", tenant: str = "acme") -> AsyncIterator[Api]:
    async def always(_: object) -> Caller:
        return Caller(tenant, "ann", role)  # type: ignore[arg-type]  # a role

    yield Api(
        web_app(
            Settings(),
            platform(world.log, bus),
            always,
            webhooks=lambda caller_of: WebhookRoutes(world.webhooks, world.signing, caller_of),
        )
    )
