"""The broker on a real nats-server: races, crashes, poison, and answers across permissions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from queuebit_broker.app import create_app
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountHeld
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Amount
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.service import Service
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


class Stack:
    """A server with executors that answer, and as many brokers as a test starts."""

    def __init__(self, server: NatsServer, folder: Path, executors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.executors = executors
        self._clients: list[Client] = []
        for name, value in {
            "BUS_URL": server.url,
            "BUS_SEED_FILE": str(server.seed_file("broker")),
            "BROKER_TENANTS_FILE": str(folder / "tenants.toml"),
            "BROKER_PRICE_BOOK": str(folder / "prices.toml"),
            "BROKER_PROFILE_TIMEOUT_S": "2",
        }.items():
            monkeypatch.setenv(f"QUEUEBIT_{name}", value)

    async def client(self, name: str) -> Client:
        client = await self.server.connect(name)
        self._clients.append(client)
        return client

    async def open(self, backends: list[Any]) -> None:
        """Register the backends and let each stack answer profile requests."""
        for stack, name in (("aer", "executor-aer"), ("cirq", "executor-cirq"), ("ibm", "executor-ibm")):
            client = await self.client(name)
            await client.subscribe(f"qb.profile.{stack}", queue=stack, cb=self._profile)
            if stack == "aer":
                for event in backends:
                    await client.jetstream().publish(subjects.subject_of(event), event.to_bytes(), stream="LOG")

    async def _profile(self, message: Any) -> None:
        backends = json.loads(message.data)["backends"]
        await message.respond(self.executors.answer(backends).model_dump_json().encode())

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Service]:
        """A broker process's worth of objects, ended in good order."""
        service = create_app()
        serving = asyncio.create_task(service.serve())
        await until(lambda: _true(service.health().ready))
        try:
            yield service
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


async def _true(value: bool) -> bool:
    return value


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def stack(
    tmp_path: Path,
    office: Any,
    backends: list[Any],
    seeds: dict[str, str],
    tenants_text: str,
    book_text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stack]:
    (tmp_path / "tenants.toml").write_text(tenants_text.replace("max_active_jobs = 2\n", ""))
    (tmp_path / "prices.toml").write_text(book_text)
    server = NatsServer(tmp_path, clients=(("acme", "ann", "member"),))
    async with server.running():
        stack = Stack(server, tmp_path, office.executors, monkeypatch)
        await stack.open(backends)
        yield stack
        await stack.close()
