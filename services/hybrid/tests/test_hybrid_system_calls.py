"""The filter of system calls, in a process of its own: what it forbids stays forbidden, and Python works."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from queuebit_hybrid.system_calls import supported

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not supported(), reason="the filter is for Linux on x86-64 and AArch64"
)

TRIES = """
import ctypes, errno, json, mmap, os, subprocess, sys, threading
from multiprocessing.shared_memory import SharedMemory
from queuebit_hybrid.system_calls import forbid

libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
forbid()

def tried(call, *arguments):
    ctypes.set_errno(0)
    call(*arguments)
    return errno.errorcode.get(ctypes.get_errno(), "allowed")

def made(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"

def shared():
    it = SharedMemory(create=True, size=4096)
    it.unlink()

thread = threading.Thread(target=print)
thread.start()
thread.join()
print(json.dumps({
    "shared": made(lambda: mmap.mmap(-1, 4096)),
    "private": made(lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)),
    "in a folder": made(shared),
    "memfd": made(lambda: os.memfd_create("x")),
    "shmget": tried(libc.shmget, 0, 4096, 0o1600),
    "unshare": tried(libc.unshare, 0x10000000),
    "clone": tried(libc.syscall, CLONE, 0x10000000 | 17, 0, 0, 0, 0),
    "ptrace": tried(libc.ptrace, 0, 0, 0, 0),
    "below": subprocess.run(
        [sys.executable, "-c", "import os; os.memfd_create('x')"], stderr=subprocess.DEVNULL
    ).returncode,
}))
"""


def test_memory_that_nothing_limits_and_namespaces_are_refused_and_python_works() -> None:
    import platform

    clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    done = subprocess.run(
        [sys.executable, "-c", TRIES.replace("CLONE", str(clone))], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "shared": "EPERM",
        "private": "allowed",
        "in a folder": "allowed",
        "memfd": "ENOSYS",
        "shmget": "ENOSYS",
        "unshare": "ENOSYS",
        "clone": "EPERM",
        "ptrace": "ENOSYS",
        "below": 1,
    }
