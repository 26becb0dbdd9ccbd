"""Memory of this machine for large runs: all executors of one user share it, and none promises the same memory twice.

A share is a range of locks on a file. The kernel releases them when their process ends, for any cause.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

__all__ = ["MemoryShares", "most_memory_mb"]

_log = logging.getLogger(__name__)
_UNIT_MB: Final = 64
_AGAIN_S: Final = 0.2
_LOCK: Final = getattr(fcntl, "F_OFD_SETLK", None)
"""Locks that belong to an open file and not to a process; Linux has them."""


def most_memory_mb(machine_bytes: int) -> int:
    """Return the MiB of a machine that large runs take together: three quarters. All else has the rest."""
    return machine_bytes * 3 // 4 >> 20


def _shared_file() -> Path:
    """One for all stacks of this user, which may each have a folder of their own for temporary files."""
    folder = "/dev/shm"  # noqa: S108  # a file of another user in its place is not used
    return Path(folder if os.path.isdir(folder) else tempfile.gettempdir(), f"queuebit-memory-{os.getuid()}")


class MemoryShares:
    """Gives shares of memory to runs; one that finds too little left waits."""

    def __init__(self, total_mb: int, file: Path | None = None) -> None:
        """Share `total_mb` MiB with all who name the same file; by default, with all executors of this user."""
        self._units = total_mb // _UNIT_MB
        self._file = file or _shared_file()

    @asynccontextmanager
    async def take(self, memory_mb: int) -> AsyncIterator[None]:
        """Have so much memory; at most all of it is asked for.

        If the file belongs to another user, the run does not share, and a warning says so: others must not stop it.

        Raises:
            OSError: the file that all share cannot be opened.
        """
        try:
            held = None if _LOCK is None else await self._held(memory_mb, _LOCK)
        except PermissionError:
            _log.warning("%s belongs to another user: executors do not share this machine's memory", self._file)
            held = None
        try:
            yield
        finally:
            if held is not None:
                os.close(held)

    async def _held(self, memory_mb: int, command: int) -> int:
        """Wait for a descriptor that holds so much."""
        needed = min(-(-memory_mb // _UNIT_MB), self._units)
        waited = False
        while (held := self._try(needed, command)) is None:
            if not waited:
                _log.info("a run waits until %s MiB of this machine's memory are free", memory_mb)
            waited = True
            await asyncio.sleep(_AGAIN_S)  # other processes hold it; none of them can say when it ends
        return held

    def _try(self, needed: int, command: int) -> int | None:
        """A descriptor that holds so many units; None if fewer are left."""
        held = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.fstat(held).st_uid != os.getuid():
            os.close(held)
            raise PermissionError
        for unit in range(self._units):
            if not needed:
                break
            try:
                fcntl.fcntl(held, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, unit, 1, 0))
                needed -= 1
            except BlockingIOError:
                continue
        if needed:
            os.close(held)
            return None
        return held
