"""One HTTP response as ClickHouse sends it: headers, compression, and errors also after the status line."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from typing import IO

from starlette.types import Send

from queuebit_warehouse.codec import Encoder, encoder
from queuebit_warehouse.dialect import QueryRequest, Stats, choose_encoding, content_type
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.store import Store

__all__ = ["Answer"]

_CHUNK = 1 << 20


class Answer:
    """Sends exactly one response: `plain`, `fail`, `whole`, or `begin` … `more` … `end` or `break_off`."""

    def __init__(self, send: Send, store: Store) -> None:
        self._send = send
        self._store = store
        self._headers = {"X-ClickHouse-Server-Display-Name": socket.gethostname()}
        self._encoding: str | None = None
        self._encoder: Encoder | None = None
        self._tag = ""

    def prepare(self, request: QueryRequest, accept_encoding: str) -> None:
        """Read which compression and headers the client accepts."""
        self._headers["X-ClickHouse-Query-Id"] = request.query_id
        self._headers["X-ClickHouse-Timezone"] = self._store.timezone
        self._encoding = choose_encoding(accept_encoding) if request.compress else None

    async def plain(self, text: str, status: int = 200) -> None:
        body = text.encode()
        self._headers |= {"Content-Type": "text/html; charset=UTF-8", "Content-Length": str(len(body))}
        await self._start(status)
        await self._body(body, more=False)

    async def fail(self, error: DatabaseError) -> None:
        body = error.body(self._store.version).encode()
        self._headers |= {
            "Content-Type": "text/plain; charset=UTF-8",
            "Content-Length": str(len(body)),
            "X-ClickHouse-Exception-Code": str(error.number),
            "X-ClickHouse-Summary": Stats().summary(),
        }
        await self._start(error.status)
        await self._body(body, more=False)

    async def whole(self, held: IO[bytes], stats: Stats, format_name: str | None) -> None:
        """Send a complete result."""
        size = held.tell()
        held.seek(0)
        self._describe(format_name, stats)
        if self._encoding and size:
            self._compress()
        else:
            self._headers["Content-Length"] = str(size)
        await self._start(200)
        for chunk in _chunks(held):
            await self.more(chunk)
        await self.end()

    async def begin(self, held: IO[bytes], format_name: str | None) -> None:
        """Send the first part of a result that is not complete yet."""
        held.seek(0)
        self._describe(format_name, Stats())
        self._tag = secrets.token_hex(8)
        self._headers["X-ClickHouse-Exception-Tag"] = self._tag
        if self._encoding:
            self._compress()
        await self._start(200)
        for chunk in _chunks(held):
            await self.more(chunk)

    async def more(self, chunk: bytes) -> None:
        if data := self._encoder.compress(chunk) if self._encoder else chunk:
            await self._body(data, more=True)

    async def end(self) -> None:
        await self._body(self._encoder.flush() if self._encoder else b"", more=False)

    async def break_off(self, error: DatabaseError) -> None:
        """End a result that failed after its start: the message follows the rows, between marks named in a header."""
        text = error.body(self._store.version)
        marked = f"\r\n__exception__\r\n{self._tag}\r\n{text}{len(text.encode())} {self._tag}\r\n__exception__\r\n"
        await self.more(marked.encode())
        await self.end()

    def _describe(self, format_name: str | None, stats: Stats) -> None:
        self._headers["X-ClickHouse-Summary"] = stats.summary()
        self._headers["Content-Type"] = content_type(format_name or "")
        if format_name:
            self._headers["X-ClickHouse-Format"] = format_name

    def _compress(self) -> None:
        if self._encoding:
            self._headers["Content-Encoding"] = self._encoding
            self._encoder = encoder(self._encoding)

    async def _start(self, status: int) -> None:
        headers = [(key.lower().encode(), value.encode("latin-1", "replace")) for key, value in self._headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
