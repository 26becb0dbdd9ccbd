"""A request body as a file: the event loop fills it, a worker thread reads it."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request

from queuebit_warehouse.errors import DatabaseError, Disconnected

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Body"]

_PREFETCH_BYTES = 1 << 20
"""Bytes that are read before a worker starts: workers never wait for the body of a smaller request."""


class Body(io.RawIOBase):
    """The body of a request, read on demand.

    A read blocks the worker until the client has sent more.

    Attributes:
        complete: set when the last byte has arrived.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._stream = request.stream()
        self._limit = limit
        self._taken = 0
        self._ready = bytearray()
        self._loop = asyncio.get_running_loop()
        self._pending: Future[bytes] | None = None
        self._abandoned = False
        self.complete = asyncio.Event()

    async def prefetch(self) -> None:
        """Read the first part, or all of a small body."""
        while len(self._ready) < _PREFETCH_BYTES and not self.complete.is_set():
            self._ready += await self._next()

    def abandon(self) -> None:
        """Free the worker, which may be waiting for bytes, because the client no longer waits for the response."""
        self._abandoned = True
        if self._pending is not None:
            self._pending.cancel()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        if not self._ready and not self.complete.is_set():
            self._ready += self._fetch()
        size = min(len(view), len(self._ready))
        view[:size] = self._ready[:size]
        del self._ready[:size]
        return size

    def _fetch(self) -> bytes:
        self._pending = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
        if self._abandoned:
            self._pending.cancel()
        try:
            return self._pending.result()
        except CancelledError:
            raise Disconnected from None

    async def _next(self) -> bytes:
        """Return the next bytes; empty only at the end.

        Raises:
            DatabaseError: the body is larger than allowed.
            Disconnected: the client disconnected before the end.
        """
        try:
            async for chunk in self._stream:
                self._taken += len(chunk)
                if self._taken > self._limit:
                    raise DatabaseError(
                        335,
                        f"The request's body is larger than {self._limit >> 20} MB: send less at once, "
                        "or raise QUEUEBIT_WAREHOUSE_MAX_BODY_MB",
                        "QUERY_IS_TOO_LARGE",
                    )
                if chunk:
                    return chunk
        except ClientDisconnect:
            raise Disconnected from None
        self.complete.set()
        return b""
