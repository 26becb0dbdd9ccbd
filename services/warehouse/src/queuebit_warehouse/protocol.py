"""HTTP with limits for clients that have not logged in: memory, time and connections."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Protocol

from queuebit_runtime.request_heads import HEAD_BYTES, HeadLimits

__all__ = ["ADMITTED", "LimitedProtocol", "Unauthenticated"]

ADMITTED = "admitted"
"""The key in the state of a request of the function to call after the client has logged in."""


class _Connection(Protocol):
    def end(self) -> None: ...


class Unauthenticated:
    """Connections without a login. If there are too many, the oldest one is closed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[_Connection, None] = OrderedDict()

    def enter(self, connection: _Connection) -> None:
        while len(self._waiting) >= self._most:
            self._waiting.popitem(last=False)[0].end()
        self._waiting[connection] = None

    def leave(self, connection: _Connection) -> None:
        self._waiting.pop(connection, None)


class LimitedProtocol(HeadLimits):
    """One connection, which counts as one without a login until the client has logged in."""

    media_type = b"text/plain; charset=utf-8"
    too_large = f"The request's head is larger than {HEAD_BYTES >> 10} KiB: POST the statement as the body\n".encode()

    def __init__(self, *args: Any, unauthenticated: Unauthenticated, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unauthenticated = unauthenticated

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._unauthenticated.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unauthenticated.leave(self)
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ADMITTED] = self._has_logged_in

    def _has_logged_in(self) -> None:
        self._unauthenticated.leave(self)
