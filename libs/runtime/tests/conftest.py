"""What tests of the runtime share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from queuebit_runtime.bus import Bus
from queuebit_testing.server import NatsServer


@pytest.fixture
async def bus(fresh_server: NatsServer) -> AsyncIterator[Bus]:
    """The bus as the service `broker`, on a server of the test's own."""
    bus = Bus("broker", fresh_server.url, fresh_server.seeds["broker"])
    await bus.connect()
    yield bus
    await bus.close()
