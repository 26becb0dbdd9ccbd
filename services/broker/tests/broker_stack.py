"""A server with executors that answer, and as many brokers as a test starts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from queuebit_broker.app import create_app
from queuebit_contracts import subjects
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import Answer, Question
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.service import Service
from queuebit_testing.server import NatsServer

from .broker_office import Backends, FakeExecutors


@dataclass
class Connected:
    """A connection for views and logs, without a whole bus."""

    client: Client


class Stack:
    """A server with executors that answer, and as many brokers as a test starts."""

    def __init__(
        self, server: NatsServer, folder: Path, executors: FakeExecutors, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.server = server
        self.executors = executors
        self.folder = folder
        self.profiling: dict[str, Subscription] = {}
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

    async def open(self, backends: Backends) -> None:
        """Register the backends and let each stack answer profile requests."""
        for stack, name in (("aer", "executor-aer"), ("cirq", "executor-cirq"), ("ibm", "executor-ibm")):
            client = await self.client(name)
            self.profiling[stack] = await client.subscribe(f"qb.profile.{stack}", queue=stack, cb=self._profile)
            await client.flush()
            if stack == "aer":
                for event in backends:
                    await client.jetstream().publish(subjects.subject_of(event), event.to_bytes(), stream="LOG")

    async def _profile(self, message: Msg) -> None:
        backends = json.loads(message.data)["backends"]
        await message.respond(self.executors.answer(backends).model_dump_json().encode())

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Service]:
        """A broker process's worth of objects, ended in good order."""
        service = create_app()
        serving = asyncio.create_task(service.serve())
        await until(lambda: serving.done() or service.health().ready)
        try:
            yield service
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    async def log(self, name: str) -> JetStreamLog:
        """The log as a user sees it."""
        return JetStreamLog(Connected(await self.client(name)))

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


async def publish(client: Client, event: JobSubmitted, body: bytes) -> int:
    """Submit as any program would, with nothing but a NATS client."""
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    subject = subjects.subject_of(event)
    return (await client.jetstream().publish(subject, body, headers=headers, stream="LOG")).seq


async def answer(client: Client, name: str, question: Question) -> Answer:
    reply = await client.request(f"qb.query.acme.{name}", question.model_dump_json().encode(), timeout=20)
    return Answer.model_validate_json(reply.data)


async def accepted(truth: JetStreamLog, job: str) -> bool:
    return await truth.last(f"qb.job.acme.{job}.accepted") is not None
