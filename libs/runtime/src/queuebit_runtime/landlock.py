"""Limits the files that a process reaches: Landlock, of Linux 5.13 and later, without root.

It holds for the thread that calls `restrict_files` and for all that it starts, and cannot be removed. It also keeps
the process from reading the memory of processes outside, and, from Linux 6.12 on, from signalling them. Descriptors
that are open already stay open. See https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Final

__all__ = ["c_library", "landlock_version", "restrict_files"]

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
"""The same numbers on all machines."""
_VERSION: Final = 1
_EXECUTE, _WRITE, _READ, _READ_FOLDER, _TRUNCATE, _IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
_FILE_RIGHTS: Final = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files, by the version that has them first."""
_TCP, _TCP_VERSION = 3, 4
_OUTSIDE, _OUTSIDE_VERSION = 3, 6
"""Signals, and abstract Unix sockets, of processes outside."""


def landlock_version() -> int:
    """Return the version of Landlock in this kernel; 0 if it has none, or it is switched off."""
    if sys.platform != "linux":
        return 0
    version: int = c_library().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    return max(0, version)


def restrict_files(
    readable: Iterable[str], writable: Iterable[str] = (), *, programs: bool = False, network: bool = False
) -> None:
    """Let this process reach these files and folders, with all below them, and no others.

    Needs `PR_SET_NO_NEW_PRIVS`. A path that does not exist is left out. Without Landlock nothing happens: ask
    `landlock_version` first.

    Args:
        readable: what it may read.
        writable: what it may also write, make and remove.
        programs: whether it may start programs from these places.
        network: whether it may use TCP.

    Raises:
        OSError: the kernel refuses.
    """
    version = landlock_version()
    if not version:
        return
    every = max((since, rights) for since, rights in _RIGHTS.items() if since <= version)[1]
    ruleset = _ruleset(version, every, network)
    try:
        read = _READ | _READ_FOLDER | (_EXECUTE if programs else 0)
        for path in readable:
            _allow(ruleset, path, read)
        for path in writable:
            _allow(ruleset, path, every if programs else every & ~_EXECUTE)
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _ruleset(version: int, every: int, network: bool) -> int:
    content = struct.pack("=Q", every)
    if version >= _TCP_VERSION:
        content += struct.pack("=Q", 0 if network else _TCP)
    if version >= _OUTSIDE_VERSION:
        content += struct.pack("=Q", _OUTSIDE)
    return _call(_CREATE, content, ctypes.c_size_t(len(content)), 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # it cannot be reached anyway
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.fstat(opened).st_mode):
                rights &= _FILE_RIGHTS
            _call(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, opened), 0)
        finally:
            os.close(opened)


def _call(number: int, *arguments: object) -> int:
    result: int = c_library().syscall(number, *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock: {os.strerror(error)}")
    return result


@cache
def c_library() -> ctypes.CDLL:
    """The C library of this process, with `errno`; loaded once, also for forks."""
    return ctypes.CDLL(None, use_errno=True)
