"""Locks on files. They end with the process that holds them, however it ends."""

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

_PATIENCE_S = 60.0


def take(path: Path) -> IO[str] | None:
    """The lock, for as long as it is open here or in a child; nothing while somebody else has it."""
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    sign(lock)
    return lock


def sign(lock: IO[str]) -> None:
    """Write down that this process holds the lock, for whoever wonders."""
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()


def holder(path: Path) -> int | None:
    """The pid of the process that has the lock, as it wrote itself down; nothing where nobody has it."""
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
def alone(path: Path, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Wait for one's turn, and have the others wait.

    Raises:
        Stop: it did not come.
    """
    deadline = time.monotonic() + patience_s
    while (lock := take(path)) is None:
        if time.monotonic() > deadline:
            raise Stop(
                Exit.REFUSED,
                f"process {holder(path)} has held {path} for {patience_s:g} s: see what it does, try again",
            )
        time.sleep(0.02)
    with lock:
        yield
