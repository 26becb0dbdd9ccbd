"""HTTP with limits that uvicorn lacks: the size of a request's head, and the time until it is complete."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEAD_BYTES", "HeadLimits"]

HEAD_BYTES: Final = 16 << 10
"""The longest head of a request, in bytes: request line and all headers."""


class HeadLimits(HttpToolsProtocol):
    """One connection. A service extends it with its answer to a head that is too large."""

    media_type: ClassVar[bytes]
    """Of `too_large`."""
    too_large: ClassVar[bytes]
    """The body of that answer."""

    def __init__(self, *args: Any, head_s: float, **kwargs: Any) -> None:  # the arguments of uvicorn, and one more
        super().__init__(*args, **kwargs)
        self._head_s = head_s
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
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

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

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
            b"content-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (self.media_type, len(self.too_large), self.too_large)
        )
        self.transport.close()
