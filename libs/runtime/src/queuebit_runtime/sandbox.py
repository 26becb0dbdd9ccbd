"""Restricts a process that runs what is not trusted, such as circuits.

Its memory and processor time are limited, it ends with its parent, and it starts without secrets. It runs as the same
user: `landlock` limits its files, and `system_calls` what it asks the kernel for.
"""

from __future__ import annotations

import ctypes
import glob
import math
import os
import re
import resource
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import psutil

from queuebit_runtime.landlock import c_library

__all__ = [
    "adopt_orphans",
    "anonymous_bytes",
    "bound",
    "clean_environment",
    "die_with_parent",
    "drop_capabilities",
    "end_first",
    "end_others",
    "enter_nowhere",
    "limit_file_size",
    "limit_processor_time",
    "limit_threads",
    "private_bytes",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_INHERITED = ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX")
"""The environment variables with the paths of Python and its libraries."""
_OPEN_FILES = 64
_CAPABILITIES_VERSION = 0x20080522
_PAGE = resource.getpagesize()
_ANONYMOUS = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


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
    found = _children() if children else {it.pid for it in psutil.Process().children(recursive=True)}
    for pid in found - {*children}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    """The children of this process, from the kernel's list; if it has none, from a look at every process."""
    lists = glob.glob("/proc/self/task/*/children")
    try:
        return {int(pid) for it in lists or ["/proc/self/children"] for pid in _read(it).split()}
    except OSError:
        return {it.pid for it in psutil.Process().children()}


def enter_nowhere() -> None:
    """Change to a folder that no longer exists: relative paths do not resolve, and no file can be created there."""
    folder = tempfile.mkdtemp(prefix="queuebit-")
    os.chdir(folder)
    os.rmdir(folder)


def bound(memory_bytes: int, reserved_bytes: int = 0) -> None:
    """Limit memory beyond the current use, open files, and core dumps (none).

    The limit is on private data; the limit on addresses is larger, because threads and libraries reserve more than they
    use; `reserved_bytes` are added to it. Only Linux enforces these limits.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, _pages(0) * _PAGE + 2 * memory_bytes + reserved_bytes)
        _lower(resource.RLIMIT_DATA, private_bytes() + memory_bytes)


def limit_processor_time(seconds: float) -> None:
    """End this process by SIGXCPU when it has used so many seconds of processor time more, with all its threads.

    The kernel counts whole seconds: it ends up to a second later. A later call replaces the limit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def limit_file_size(size: int) -> None:
    """Refuse to write to a file behind its first `size` bytes, also to one that is open; pipes have no limit."""
    _lower(resource.RLIMIT_FSIZE, size)


def limit_threads() -> None:
    """Leave half of the threads that the kernel can number to other users. Linux only; a user `root` has no limit."""
    if sys.platform == "linux":
        most = min(int(_read(f"/proc/sys/kernel/{it}")) for it in ("pid_max", "threads-max"))
        _lower(resource.RLIMIT_NPROC, most // 2)


def end_first() -> None:
    """Have the kernel end this process before all others if the machine has no memory left. Linux only."""
    if sys.platform == "linux":
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(b"1000")


def drop_capabilities() -> None:
    """Give up the rights of root in this thread and all that it starts: a process of root has those of a user then.

    Linux only. A process without such rights has nothing to give up.
    """
    if sys.platform != "linux":
        return
    if c_library().capset(struct.pack("=Ii", _CAPABILITIES_VERSION, 0), bytes(24)) != 0:
        raise OSError(ctypes.get_errno(), "capset was refused")


def anonymous_bytes(pid: int) -> int:
    """The memory of a process without that of files, also what it shares with its parent; 0 if it cannot be read."""
    try:
        status = _read(f"/proc/{pid}/status")
    except OSError:
        return 0
    return sum(int(it) << 10 for it in _ANONYMOUS.findall(status))


def private_bytes() -> int:
    """Return the current private data of this process in bytes; 0 if the system does not report it."""
    return _pages(5) * _PAGE if sys.platform == "linux" else 0


def _pages(column: int) -> int:
    """A column of `/proc/self/statm`: 0 is the size of the address space, 5 that of the data and the stack."""
    return int(_read("/proc/self/statm").split()[column])


def _read(path: str) -> bytes:
    """A file of the kernel, without the buffers that a large file needs."""
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def _prctl(option: int, value: int) -> None:
    if c_library().prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
