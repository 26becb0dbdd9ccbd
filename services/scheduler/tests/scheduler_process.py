"""A scheduler as a process, on a real server with its real permissions."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.subjects import job
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer, free_port

__all__ = ["health", "placed", "say", "start"]


async def start(
    server: NatsServer, places: int = 2, silence_s: int = 30, *, url: str = "", lease_s: float = 3
) -> tuple[asyncio.subprocess.Process, int]:
    port = free_port()
    environment = {
        **os.environ,
        "QUEUEBIT_BUS_URL": url or server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("scheduler")),
        "QUEUEBIT_BUS_HEALTH_PORT": str(port),
        "QUEUEBIT_SCHEDULER_PLACES_PER_SLOT": str(places),
        "QUEUEBIT_SCHEDULER_SILENCE_S": str(silence_s),
        "QUEUEBIT_SCHEDULER_RETURN_S": "2",
        "QUEUEBIT_SCHEDULER_LEASE_S": str(lease_s),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "queuebit_scheduler", env=environment, stderr=PIPE
    ), port


async def health(port: int, path: str = "/readyz") -> str:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            await asyncio.sleep(0.02)
            continue
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        text = (await reader.read()).decode()
        writer.close()
        if " 200 " in text:
            return text
        await asyncio.sleep(0.02)


async def placed(log: JetStreamLog, name: str, backend: str = "aer") -> JobPlaced:
    while True:
        stored = await log.last(job("acme", name).event("placed", backend))
        if stored is not None and isinstance(stored.event, JobPlaced):
            return stored.event
        await asyncio.sleep(0.005)


async def say(server: NatsServer, service: str, *events: AnyEvent) -> None:
    bus = Bus(service, server.url, server.seeds[service])
    await bus.connect()
    for event in events:
        await JetStreamLog(bus).append(event)
    await bus.close()
