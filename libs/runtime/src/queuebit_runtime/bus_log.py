"""The file into which nats-server writes its log."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from queuebit_kernel import Unavailable

__all__ = ["BusLogFile"]

_MOST: Final = 8 << 20
"""Bytes that are read at once: of a larger file, its end."""


class BusLogFile:
    """Reads what was written since the last call, and at first the whole file; a file may be missing or rotated."""

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        """Name the file; with `from_end`, what it has now is not read."""
        self._path = path
        self._inode = 0
        self._offset = 0
        if from_end and path.exists():
            about = path.stat()
            self._inode, self._offset = about.st_ino, about.st_size
        self._rest = b""

    async def lines(self) -> Sequence[str]:
        """Complete lines that are new. Raises `Unavailable`."""
        try:
            return await asyncio.to_thread(self._read)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the log of the bus, {self._path}, cannot be read: {error.strerror}") from error

    def _read(self) -> list[str]:
        with self._path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_ino != self._inode or about.st_size < self._offset:
                self._inode, self._offset, self._rest = about.st_ino, 0, b""
            if about.st_size - self._offset > _MOST:
                self._offset, self._rest = about.st_size - _MOST, b""
            file.seek(self._offset)
            content = file.read(about.st_size - self._offset)
        self._offset += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")
        return [it.decode(errors="replace") for it in whole]
