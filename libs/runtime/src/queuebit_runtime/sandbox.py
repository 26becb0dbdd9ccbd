"""Restricts a process that runs what is not trusted, such as circuits.

Its memory and files are limited, it ends with its parent, and it starts without secrets; but it runs as the same user.
For hostile circuits, run executors in their own containers.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import psutil

__all__ = [
    "adopt_orphans",
    "bound",
    "clean_environment",
    "die_with_parent",
    "end_others",
    "enter_nowhere",
    "private_bytes",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_INHERITED = ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX")
"""The environment variables with the paths of Python and its libraries."""
_OPEN_FILES = 64
_PAGE = resource.getpagesize()


def clean_environment(environment: Mapping[str, str], threads: int, passed: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment of children: paths of libraries, numbers of threads, and the variables in `passed`.

    Libraries that start threads before the fork get one thread, because threads do not survive a fork.
    """
    return {name: environment[name] for name in (*_INHERITED, *passed) if name in environment} | {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",
        "QISKIT_PARALLEL": "FALSE",
    }


def die_with_parent(parent: int) -> None:
    """Kill this process when the process `parent` ends for any reason. Linux only; on other systems a process detects
    this at its next read."""
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != parent:  # it ended before the request was made
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of what a child's own children leave behind when the child ends. Linux only."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_others(children: Collection[int] = ()) -> None:
    """Kill the children of this process other than these; without any of these, all processes below it."""
    for pid in {it.pid for it in psutil.Process().children(recursive=not children)} - {*children}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def enter_nowhere() -> None:
    """Change to a folder that no longer exists: relative paths do not resolve, and no file can be created there."""
    folder = tempfile.mkdtemp(prefix="queuebit-")
    os.chdir(folder)
    os.rmdir(folder)


def bound(memory_bytes: int) -> None:
    """Limit memory beyond the current use, open files, and core dumps (none).

    The limit is on private data; the limit on addresses is larger, because threads and libraries reserve more than they
    use. Only Linux enforces these limits.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _pages(0) * _PAGE + 2 * memory_bytes)
        _lower(resource.RLIMIT_DATA, private_bytes() + memory_bytes)


def private_bytes() -> int:
    """Return the current private data of this process in bytes; 0 if the system does not report it."""
    return _pages(5) * _PAGE if sys.platform == "linux" else 0


def _pages(column: int) -> int:
    """A column of `/proc/self/statm`: 0 is the size of the address space, 5 that of the data and the stack."""
    with open("/proc/self/statm", "rb", buffering=0) as file:
        return int(file.read().split()[column])


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
