"""Measurements of a running stack from outside: memory, and the lag of the sink."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request

import psutil
from nats.aio.client import Client

from queuebit_testing.embedded import EmbeddedStack

__all__ = ["Lag", "memory"]


def memory(stack: EmbeddedStack) -> dict[str, int]:
    """Proportional set size in bytes of each process with all its children, by service."""
    processes = {name: psutil.Process(pid) for name in stack.names() if (pid := stack.pid(name))}
    return {
        name: sum(it.memory_full_info().pss for it in (process, *process.children(recursive=True)))
        for name, process in processes.items()
    }


class Lag:
    """Samples the sink: for how long the log had been at the place that the warehouse has reached."""

    def __init__(self, stack: EmbeddedStack) -> None:
        ports = json.loads((stack.home / "stack.json").read_text())["ports"]
        self._stack = stack
        self._warehouse = f"http://127.0.0.1:{ports['warehouse']}/?query=SELECT%20max(seq)%20FROM%20events"
        self._password = (stack.home / "secrets" / "warehouse.password").read_text().strip()
        self.seconds: list[float] = []

    async def sample(self, every_s: float = 0.25) -> None:
        """Sample until cancelled."""
        operator = await self._stack.connect("operator")
        try:
            await self._sample(operator, every_s)
        finally:
            await operator.close()

    async def _sample(self, operator: Client, every_s: float) -> None:
        seen: list[tuple[float, int]] = []
        while True:
            log = await operator.jetstream().stream_info("LOG")
            seen.append((time.monotonic(), log.state.last_seq))
            stored = await asyncio.to_thread(self._stored)
            behind = next((at for at, sequence in seen if sequence > stored), None)
            now = time.monotonic()
            self.seconds.append(0.0 if behind is None else now - behind)
            seen = [it for it in seen if it[1] > stored][:10_000]
            await asyncio.sleep(every_s)

    def _stored(self) -> int:
        headers = {"X-ClickHouse-User": "queuebit", "X-ClickHouse-Key": self._password}
        request = urllib.request.Request(self._warehouse, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.read() or 0)
