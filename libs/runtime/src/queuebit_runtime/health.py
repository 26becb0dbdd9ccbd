"""`/healthz`, `/readyz` and `/metrics` of one process, on loopback."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from queuebit_runtime.metrics import Metrics

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


_JSON = "application/json"
_ACCEPT = re.compile(rb"\r\naccept:([^\r\n]*)", re.IGNORECASE)

_AT_ONCE = 32
"""The most concurrent connections: every user of the machine may connect, and each takes a file descriptor."""


class HealthServer:
    """A few lines of HTTP: health as JSON with 200 or 503, and metrics in the form that the `Accept` header prefers."""

    def __init__(self, host: str, port: int, look: Callable[[], Health], metrics: Metrics) -> None:
        self._host = host
        self._port = port
        self._look = look
        self._metrics = metrics
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
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
            status, media_type, body = self._answer(request.split(b" ", 2)[1], request)
            head = f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
            writer.write(f"{head}connection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (TimeoutError, IndexError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open -= 1
            writer.close()

    def _answer(self, path: bytes, request: bytes) -> tuple[str, str, bytes]:
        """Status, media type and body for a path."""
        if path == b"/metrics":
            # The library is imported by the first request: without one, it costs neither time nor memory.
            from queuebit_runtime.exposition import exposition

            accept = _ACCEPT.search(request)
            return "200 OK", *exposition(self._metrics, "" if accept is None else accept[1].decode("latin-1"))
        health = self._look()
        good = {b"/healthz": health.alive, b"/readyz": health.alive and health.ready}.get(path)
        if good is None:
            return "404 Not Found", _JSON, b'{"error":"try /healthz, /readyz or /metrics"}'
        return "200 OK" if good else "503 Service Unavailable", _JSON, json.dumps(asdict(health)).encode()
