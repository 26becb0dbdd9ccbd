"""The web application on a log in memory and services that answer what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from queuebit.transport import OnGap, OnMessage, Reply, Unsubscribe
from queuebit_gateway.callers import Caller
from queuebit_gateway.platform import Platform
from queuebit_gateway.settings import Settings
from queuebit_gateway.web import web_app
from queuebit_testing.memory import MemoryLog

ANN = Caller("acme", "ann", "member")


@dataclass
class Bus:
    """A transport: answers by subject, and what was asked."""

    answers: dict[str, Callable[[Any], Mapping[str, object]]] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        question = json.loads(body or b"{}")
        self.asked.append((subject, question))
        return Reply(json.dumps(self.answers[subject](question)).encode())

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        raise AssertionError("nothing is followed here")

    async def close(self) -> None: ...


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def app(bus: Bus, log: MemoryLog) -> ASGIApp:
    """The application, for which every request comes from ann of acme."""

    async def ann(_: Request) -> Caller:
        return ANN

    return web_app(Settings(), Platform(log, bus), ann)
