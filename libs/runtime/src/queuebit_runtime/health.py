"""`/healthz` and `/readyz` of one process, on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

__all__ = ["Health", "HealthServer"]


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a process."""

    service: str
    alive: bool
    """Whether it can work."""
    ready: bool
    """Whether its topology matches and its views have caught up."""
    behind: int = 0
    """Messages not handled yet."""
    reason: str | None = None
    """Why it is not alive or not ready, for people."""
    detail: dict[str, str | int] = field(default_factory=dict)


_AT_ONCE = 32
"""The most concurrent connections: every user of the machine may connect, and each takes a file descriptor."""


class HealthServer:
    """A few lines of HTTP: two paths, JSON bodies, 200 or 503."""

    def __init__(self, host: str, port: int, look: Callable[[], Health]) -> None:
        self._host = host
        self._port = port
        self._look = look
        self._open = 0

    async def start(self) -> asyncio.Server:
        """Start to listen.

        Raises:
            OSError: the port is taken.
        """
        return await asyncio.start_server(self._serve, self._host, self._port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= _AT_ONCE:
            writer.transport.abort()
            return
        self._open += 1
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\r\n"), 2)
            path = line.split(b" ")[1]
            health = self._look()
            good = {b"/healthz": health.alive, b"/readyz": health.alive and health.ready}.get(path)
            body = json.dumps(asdict(health)).encode() if good is not None else b'{"error":"try /healthz or /readyz"}'
            status = b"404 Not Found" if good is None else b"200 OK" if good else b"503 Service Unavailable"
            head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            writer.write(head % (status, len(body)) + body)
            await writer.drain()
        except (TimeoutError, IndexError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open -= 1
            writer.close()
