"""The start and the end of a service process."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


async def test_a_signal_during_the_start_ends_the_start_before_the_bus(
    fresh_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service("metering", BusSettings(url=fresh_server.url, seed_file=fresh_server.seed_file("metering")))
    close, order = service.bus.close, list[str]()

    async def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            order.append("the start ends")

    async def recorded() -> None:
        order.append("the bus closes")
        await close()

    monkeypatch.setattr(service.bus, "close", recorded)
    service.before.append(interrupted)
    async with asyncio.timeout(20):
        await service.serve()
    assert order == ["the start ends", "the bus closes"]
