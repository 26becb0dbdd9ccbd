"""Private folders of attempts: locked while they are used, so that a start can remove what a killed process left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from queuebit_kernel import Clock

__all__ = ["own_folder", "remove_abandoned"]

_PREFIX: Final = "qb-hybrid-child-"
_NEW_S: Final = 5.0
"""A younger folder may be one that another process is about to lock."""


@contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder that only this user can read, gone at the end."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(lock)


def remove_abandoned(clock: Clock) -> None:
    """Remove the folders of this user that no process uses any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another start removed it, or it is no folder of ours
            continue
        try:
            about = os.fstat(lock)
            if about.st_uid == os.geteuid() and clock.now().timestamp() - about.st_mtime >= _NEW_S:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # it is in use
            continue
        finally:
            os.close(lock)
