"""A pipe whose reader is the event loop and whose writer is the engine."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator

__all__ = ["Pipe"]

_SIZE = 1 << 20


class Pipe:
    """Bytes from a worker to the event loop; a full pipe makes the writer wait, so a slow client bounds memory.

    The write end belongs to the worker, who closes it; iterating ends there.
    """

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(self._read_end, fcntl.F_SETPIPE_SZ, _SIZE)
        self._loop = asyncio.get_running_loop()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                chunk = os.read(self._read_end, _SIZE)
            except BlockingIOError:
                await self._readable()
                continue
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        os.close(self._read_end)

    async def _readable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._read_end, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._read_end)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
