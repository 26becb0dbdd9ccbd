"""Fixtures for any test: `pytest_plugins = ["queuebit_testing.plugin"]`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

if TYPE_CHECKING:
    from queuebit import Client
    from queuebit_testing.local_platform import LocalPlatform

__all__ = ["broker_bus", "client", "fresh_server", "nats_log", "nats_server", "platform", "pytest_itemcollected"]

_CLIENTS = (("acme", "ann", "submitter"), ("acme", "vic", "viewer"), ("evil", "eve", "admin"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test with real processes two minutes, beside the start of what it shares: a busy machine is slow."""
    real = item.get_closest_marker("server") or item.get_closest_marker("stack")
    if real and item.get_closest_marker("timeout") is None:
        item.add_marker(pytest.mark.timeout(120, func_only=True))


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One provisioned server for the whole run; each test uses its own ids."""
    server = NatsServer(tmp_path_factory.mktemp("nats"), _CLIENTS)
    asyncio.run(server.start())
    yield server
    server.kill()


@pytest.fixture
async def fresh_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    """A separate server, for tests that kill it or count its messages."""
    server = NatsServer(tmp_path_factory.mktemp("nats"), _CLIENTS)
    async with server.running():
        yield server


@pytest.fixture
async def broker_bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """The bus as the service `broker`."""
    bus = Bus("broker", nats_server.url, nats_server.seeds["broker"])
    await bus.connect()
    yield bus
    await bus.close()


@pytest.fixture
def nats_log(broker_bus: Bus) -> JetStreamLog:
    """The log as the service `broker`."""
    return JetStreamLog(broker_bus)


@pytest.fixture
def platform() -> LocalPlatform:
    """A platform that runs jobs in this process."""
    from queuebit_testing.local_platform import LocalPlatform  # loads a quantum SDK, which few tests need

    return LocalPlatform()


@pytest.fixture
def client(platform: LocalPlatform) -> Iterator[Client]:
    """A client of that platform."""
    from queuebit import Client
    from queuebit_testing.local_platform import local_credential

    with Client(local_credential(), transport=platform) as client:
        yield client
