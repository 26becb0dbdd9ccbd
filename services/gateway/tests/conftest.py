"""The web application on a log in memory and services that answer what a test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from queuebit.transport import OnGap, OnMessage, Reply, Transport, Unsubscribe
from queuebit_contracts.subjects import covers
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import UnknownEvent
from queuebit_gateway.callers import Caller
from queuebit_gateway.dead_letters import DeadLetter
from queuebit_gateway.hub import Hub
from queuebit_gateway.platform import Platform
from queuebit_gateway.settings import Settings
from queuebit_gateway.web import Streaming, web_app
from queuebit_runtime.stored import Message, Stored
from queuebit_runtime.view import Raw
from queuebit_testing.memory import MemoryLog

if TYPE_CHECKING:
    from .webhook_world import World

ANN = Caller("acme", "ann", "submitter")


@dataclass
class Bus:
    """A transport: answers by subject, what was asked, and live events that a test sends."""

    answers: dict[str, Callable[[Any], Mapping[str, object]]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    followed: list[OnMessage] = field(default_factory=list)

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        question = json.loads(body or b"{}")
        self.asked.append((subject, question))
        return Reply(json.dumps(self.answers[subject](question)).encode())

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        self.followed.append(on_message)

        async def stop() -> None:
            self.followed.remove(on_message)

        return stop

    async def close(self) -> None: ...


def platform(log: MemoryLog, bus: Transport, letters: Sequence[DeadLetter] = ()) -> Platform:
    """A platform whose log is in memory."""

    async def dead() -> list[DeadLetter]:
        return [*letters]

    async def newest(patterns: Sequence[str]) -> list[Message]:
        found = {it.subject: it for it in log.stored if any(covers(pattern, it.subject) for pattern in patterns)}
        return [Message(it.subject, it.sequence, it.stored_at, _bytes(it)) for it in found.values()]

    return Platform(log, bus, newest, dead)


def _bytes(stored: Stored) -> bytes:
    assert not isinstance(stored.event, UnknownEvent)
    return stored.event.to_bytes()


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


class MemoryReader:
    """The log in memory, as the hub and the streams read it; a test takes live events by `publish`."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.position = 0
        self.take: Callable[[Raw], None] = lambda _: None
        self.most = 3
        """Messages that one read returns."""
        self.hidden = 0
        """Reads that return nothing, as of a replica that lags behind."""

    async def start(self) -> None:
        self.position = self.position or len(self.log.stored)

    def rest(self) -> None:
        self.position = 0

    def catch_up(self) -> None:
        """Take what was stored since."""
        for it in self.log.stored[self.position :]:
            message: Any = None  # the hub reads the fields beside it
            self.take(Raw(it.subject, _bytes(it), it.sequence, it.stored_at, message))
            self.position = it.sequence

    async def reached(self, sequence: int) -> None:
        if sequence > self.position:
            raise TimeoutError

    async def newest(self, pattern: str) -> int:
        return max((it.sequence for it in self.log.stored if covers(pattern, it.subject)), default=0)

    async def after(self, pattern: str, sequence: int) -> list[Message]:
        if self.hidden:
            self.hidden -= 1
            return []
        found = [it for it in self.log.stored if it.sequence > sequence and covers(pattern, it.subject)]
        return [Message(it.subject, it.sequence, it.stored_at, _bytes(it)) for it in found[: self.most]]


@pytest.fixture
def reader(log: MemoryLog) -> MemoryReader:
    return MemoryReader(log)


@pytest.fixture
def hub(reader: MemoryReader) -> Hub:
    hub = Hub(reader)
    reader.take = hub.take
    return hub


@pytest.fixture
async def world(log: MemoryLog, hub: Hub, reader: MemoryReader) -> AsyncIterator[World]:
    """Webhooks of one gateway, to which a test adds others."""
    from .webhook_world import World  # it uses what is here

    world = World(log, hub, reader)
    await world.open()
    yield world
    for it in world.gates:
        await it.tasks.close()


@pytest.fixture
def caller() -> Caller:
    return ANN


@pytest.fixture
def app(bus: Bus, log: MemoryLog, hub: Hub, reader: MemoryReader, caller: Caller) -> ASGIApp:
    """The application, for which every request comes from one caller: ann of acme, unless a test says otherwise."""
    return app_for(platform(log, bus), caller, Streaming(hub, reader))


def app_for(
    of: Platform,
    caller: Caller,
    streaming: Streaming | None = None,
    *,
    tenants: Mapping[str, Tenant] | None = None,
    settings: Settings | None = None,
) -> ASGIApp:
    """The application for one caller."""

    async def always(_: Request) -> Caller:
        return caller

    return web_app(settings or Settings(), of, always, tenants or {}, (), streaming)
