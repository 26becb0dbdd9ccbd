"""Pipes between this process and the engine in it, which opens them by name: `/dev/fd/<number>`.

A name must belong to one query, because queries are also found and cancelled by it. Therefore an end that is no longer
used is *retired*: closed, but its number stays reserved until the query has ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterable
from threading import Event, Thread

from queuebit_warehouse.errors import DatabaseError, Disconnected

__all__ = ["Feed", "Outlet"]

_SIZE = 1 << 20
_AGAIN_S = 0.005


class Outlet:
    """The pipe for a result from the engine to the event loop.

    The engine waits while the pipe is full, so that a slow client needs no memory.
    """

    def __init__(self) -> None:
        self._read_end, self._write_end = _pipe()
        os.set_blocking(self._read_end, False)
        self._loop = asyncio.get_running_loop()

    @property
    def path(self) -> str:
        return f"/dev/fd/{self._write_end}"

    def write(self, answer: bytes) -> None:
        """Write a result instead of the engine. For the worker thread."""
        _write(self._write_end, answer)

    def finish(self) -> None:
        """End the result. For the worker thread."""
        _retire(self._write_end)

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

    def stop_reading(self) -> None:
        """Make a writer that waits for space fail."""
        _retire(self._read_end)

    def close(self) -> None:
        """Release the numbers, after the worker has ended."""
        os.close(self._read_end)
        os.close(self._write_end)

    async def _readable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._read_end, _wake, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._read_end)


class Feed:
    """The pipe for the rows of an INSERT: a thread writes them while the engine reads `path`.

    For the engine, the end of the pipe is the end of the rows. If the rows end with an error, the insert is therefore
    cancelled before the pipe is closed, and the exit of the context raises the error.

    Args:
        rows: read to its end, or until the engine stops reading.
        cancel: cancels the query that reads a path; returns whether there was one.
        abandon: makes a blocked `rows` raise.
    """

    def __init__(self, rows: Iterable[bytes], cancel: Callable[[str], bool], abandon: Callable[[], None]) -> None:
        self._rows, self._cancel, self._abandon = rows, cancel, abandon
        self._read_end, self._write_end = _pipe()
        self._over = Event()
        self._failed: DatabaseError | Disconnected | None = None
        self._thread = Thread(target=self._write_rows, name="feed", daemon=True)

    @property
    def path(self) -> str:
        return f"/dev/fd/{self._read_end}"

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        failed = self._failed
        self._over.set()
        _retire(self._read_end)
        self._abandon()
        self._thread.join()
        os.close(self._read_end)
        os.close(self._write_end)
        if failed is not None:
            raise failed from None

    def _write_rows(self) -> None:
        try:
            for chunk in self._rows:
                _write(self._write_end, chunk)
        except BrokenPipeError:
            return  # the engine stopped reading, and reports the reason
        except (DatabaseError, Disconnected) as error:
            self._failed = error
            while not (self._over.wait(_AGAIN_S) or self._cancel(self.path)):
                pass
        finally:
            _retire(self._write_end)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, _SIZE)
    return ends


def _retire(end: int) -> None:
    with open(os.devnull, "r+b", buffering=0) as nowhere:
        os.dup2(nowhere.fileno(), end)


def _write(end: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(end, left) :]


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
