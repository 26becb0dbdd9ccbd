"""The health of a process: open to every user of the machine, at low cost."""

from __future__ import annotations

import asyncio
import json

from queuebit_runtime.health import Health, HealthServer
from queuebit_runtime.metrics import Metrics


async def _ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
    output = await reader.read()
    writer.close()
    return output


async def test_half_open_connections_take_no_more_than_a_few_descriptors() -> None:
    health = HealthServer("127.0.0.1", 0, lambda: Health("broker", alive=True, ready=True), Metrics("broker"))
    async with await health.start() as server:
        port = server.sockets[0].getsockname()[1]
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        ended = [asyncio.ensure_future(reader.read()) for reader, _ in crowd]
        while sum(it.done() for it in ended) < 60:
            await asyncio.sleep(0.01)
        for _, writer in crowd:
            writer.close()
        await asyncio.gather(*ended, return_exceptions=True)
        while not (output := await _ask(port)):
            await asyncio.sleep(0.01)
        assert json.loads(output.partition(b"\r\n\r\n")[2])["ready"]
