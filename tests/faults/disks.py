"""Disks that fail: one that is small, and one whose power is cut."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["CutDisk", "Unavailable", "fill", "small_disk"]

_SHUTDOWN = 0x8004587D
"""The request of ext4 that ends it as a power cut does."""
_WITHOUT_JOURNAL = 2
"""What is not in the journal on the disk yet is lost."""


class Unavailable(Exception):
    """This machine, or this user, cannot make such a disk."""


def _call(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"{words[0]} is not installed") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system in memory over a folder.

    Raises:
        Unavailable: it cannot be mounted here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _call("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "queuebit", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk completely; return the file that does."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while _written(file, size):
                pass
    return filler


def _written(file: BinaryIO, size: int) -> bool:
    try:
        file.write(bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


class CutDisk:
    """An ext4 file system in a file. A cut loses everything that programs did not write through to the disk."""

    def __init__(self, image: Path, folder: Path, megabytes: int) -> None:
        """Make and mount it.

        Args:
            image: the file that holds it.
            folder: where it is mounted.
            megabytes: its size.

        Raises:
            Unavailable: it cannot be made here.
        """
        self._image, self._folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        _call("mkfs.ext4", "-q", "-F", str(image))
        self.mount()
        folder.chmod(0o700)

    def mount(self) -> None:
        """Mount it; ext4 replays its journal."""
        _call("mount", "-o", "loop", str(self._image), str(self._folder))

    def cut(self) -> None:
        """Cut the power: from now on every access fails."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_JOURNAL))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        """Unmount it; nothing may use it any more."""
        _call("umount", str(self._folder))
