"""What a hybrid job writes: numbered chunks in the stream `OUTPUT`, up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from queuebit_kernel import Unavailable

__all__ = ["MAX_BYTES", "Chunked", "Publish"]

MAX_BYTES: Final = 1 << 20
"""What is kept of the logs of one job; and the same of its metrics."""

_CHUNK: Final = 32_768
_EACH_S: Final = 0.3
_AGAIN_S: Final = 0.5

Publish = Callable[[int, bytes], Awaitable[int]]
"""Stores a chunk under a number, or the next free one, and returns the number."""


class Chunked:
    """One kind of output of one job. What is beyond the limit is dropped; a notice at the end says so."""

    def __init__(self, publish: Publish, notice: bytes, number: int = 0, most_bytes: int = MAX_BYTES) -> None:
        """Begin after the chunk `number` of an earlier attempt."""
        self._publish = publish
        self._notice = notice
        self._left = most_bytes
        self._waiting = bytearray()
        self._news = asyncio.Event()
        self._closed = False
        self.number = number
        """Of the last chunk that is stored."""
        self.cut = False

    def write(self, content: bytes) -> None:
        """Add to it; whatever does not fit is dropped."""
        if self.cut or not content:
            return
        if len(content) > self._left:
            self.cut = True
            content = content[: self._left] + self._notice
        self._left = max(self._left - len(content), 0)
        self._waiting += content
        self._news.set()

    def write_line(self, line: bytes) -> None:
        """Add a line, whole or not at all."""
        if len(line) + 1 > self._left:
            self.cut = True
            return
        self.write(line + b"\n")

    async def run(self) -> None:
        """Store what is written, until `close` and all of it is stored."""
        while True:
            await self._news.wait()
            if not self._closed and len(self._waiting) < _CHUNK:
                await asyncio.sleep(_EACH_S)
            self._news.clear()
            while self._waiting:
                await self._store()
            if self._closed:
                return

    def close(self) -> None:
        """Nothing more is written."""
        self._closed = True
        self._news.set()

    async def _store(self) -> None:
        end = len(self._waiting)
        if end > _CHUNK:  # at the end of a line, if there is one
            end = self._waiting.rfind(b"\n", 0, _CHUNK) + 1 or _CHUNK
        try:
            self.number = await self._publish(self.number + 1, bytes(self._waiting[:end]))
        except Unavailable:
            await asyncio.sleep(_AGAIN_S)
            return
        del self._waiting[:end]
