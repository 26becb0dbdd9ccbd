"""uvicorn inside the service: its socket, its limits, and an end that waits for no open stream."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from queuebit_gateway.protocol import LimitedProtocol
from queuebit_gateway.settings import Settings

__all__ = ["Server", "listen_on", "name_of"]

_BACKLOG = 512


class Server(uvicorn.Server):
    """Serves until `should_exit`; the service handles the signals."""

    def __init__(self, app: ASGIApp, settings: Settings, listening: socket.socket) -> None:
        self._listening = listening
        self._ended = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(LimitedProtocol, head_s=settings.head_s),  # type: ignore[arg-type]  # called like the class
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.proxies),
                forwarded_allow_ips=list(settings.proxies),
                limit_concurrency=settings.max_connections,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=3,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.certificate_key,
            )
        )

    async def run_until_exit(self) -> None:
        """Serve; return when the last request has its answer, or three seconds after the end was asked for."""
        try:
            await self.serve(sockets=[self._listening])
        finally:
            self._ended.set()

    def end(self) -> None:
        """Accept no further requests."""
        self.should_exit = True

    async def drained(self) -> None:
        """Wait until it has ended."""
        if self.started:
            await self._ended.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the service."""
        yield


def listen_on(settings: Settings) -> socket.socket:
    """A socket that listens; raises `OSError` if the address cannot be used."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(
            f"port {settings.port} on {settings.host} cannot be used ({error.strerror}): end what listens there, "
            "or set QUEUEBIT_GATEWAY_PORT to a free port"
        ) from error
    return listening


def name_of(listening: socket.socket) -> str:
    """A name for what listens here: no two processes that run have the same host and port."""
    return f"{socket.gethostname()}:{listening.getsockname()[1]}"
