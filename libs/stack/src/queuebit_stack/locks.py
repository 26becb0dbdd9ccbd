"""File locks. The system releases them when the process ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from queuebit_stack.errors import Exit, Stop

__all__ = ["alone", "holder", "sign", "take"]

_TIMEOUT_S = 60.0


def take(path: Path) -> IO[str] | None:
    """Take the lock; it is held while the file is open here or in a child. None if another process holds it."""
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    sign(lock)
    return lock


def sign(lock: IO[str]) -> None:
    """Write the pid of this process into the lock file."""
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()


def holder(path: Path) -> int | None:
    """The pid of the process that holds the lock; None if the lock is free."""
    try:
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return None


@contextmanager
def alone(path: Path, timeout_s: float = _TIMEOUT_S) -> Iterator[None]:
    """Hold the lock for the block; wait until it is free.

    Raises:
        Stop: another process held it too long.
    """
    deadline = time.monotonic() + timeout_s
    while (lock := take(path)) is None:
        if time.monotonic() > deadline:
            raise Stop(
                Exit.REFUSED,
                f"process {holder(path)} has held {path} for {timeout_s:g} s: check what it does, then try again",
            )
        time.sleep(0.02)
    with lock:
        yield
