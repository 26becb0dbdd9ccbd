"""HTTP with limits for clients that have not logged in: memory, time and connections."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["ADMITTED", "HEAD_BYTES", "LimitedProtocol", "Unauthenticated"]

ADMITTED = "admitted"
"""The key in the state of a request of the function to call after the client has logged in."""

HEAD_BYTES = 16 << 10
"""The longest head of a request, in bytes: request line and all headers."""

_TOO_LARGE = f"The request's head is larger than {HEAD_BYTES >> 10} KiB: POST the statement as the body\n".encode()


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


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on the length of a head and on the time until it is complete; uvicorn has none."""

    def __init__(  # the arguments of uvicorn, and two more
        self, *args: Any, unauthenticated: Unauthenticated, head_s: float, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._unauthenticated = unauthenticated
        self._head_s = head_s
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._unauthenticated.enter(self)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unauthenticated.leave(self)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        while self._in_head and data and not self.transport.is_closing():
            piece, data = data[: HEAD_BYTES + 1 - self._head_bytes], data[HEAD_BYTES + 1 - self._head_bytes :]
            self._head_bytes += len(piece)
            super().data_received(piece)
            if self._in_head and self._head_bytes > HEAD_BYTES:
                self._refuse_head()
        if data and not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._expect_head()
        self.scope["state"][ADMITTED] = self._has_logged_in

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def _has_logged_in(self) -> None:
        self._unauthenticated.leave(self)

    def end(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def _expect_head(self) -> None:
        self._in_head = True
        self._timer = self.loop.call_later(self._head_s, self.end)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_head(self) -> None:
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n"
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n\r\n%b" % (len(_TOO_LARGE), _TOO_LARGE)
        )
        self.transport.close()
