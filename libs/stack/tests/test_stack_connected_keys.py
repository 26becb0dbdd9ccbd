"""Who is logged in, as a real server says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from queuebit_runtime.keys import public_key
from queuebit_stack.nats_server import connected_keys
from queuebit_testing.server import NatsServer, seed_file_of


@pytest.mark.server
async def test_a_service_is_connected_while_its_connection_is_open(tmp_path: Path) -> None:
    async with NatsServer(tmp_path).running() as server:
        system = seed_file_of(tmp_path, "system", server.seeds["system"])
        metering = public_key(server.seeds["metering"])

        async def connected() -> bool:
            return metering in await asyncio.to_thread(connected_keys, system, server.port)

        assert not await connected()
        client = await server.connect("metering")
        assert await connected()
        await client.close()
        async with asyncio.timeout(10):
            while await connected():
                await asyncio.sleep(0.05)
