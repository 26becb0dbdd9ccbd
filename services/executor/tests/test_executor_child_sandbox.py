"""What a child gives up, in a process of its own, with the versions of Landlock that kernels have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from queuebit_runtime.landlock import landlock_version
from queuebit_runtime.system_calls import supported

TRIES = """
import ctypes, errno, fcntl, json, os, resource, signal, socket, sys
import queuebit_executor.child_sandbox, queuebit_runtime.landlock

folder, version = sys.argv[1], int(sys.argv[2])
for it in (queuebit_executor.child_sandbox, queuebit_runtime.landlock):
    it.landlock_version = lambda: version
log = os.open(folder + "/log", os.O_WRONLY | os.O_APPEND)
os.dup2(log, 2)
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
rights = queuebit_executor.child_sandbox.Rights(readable=(folder + "/read",), keys=(folder + "/key", folder + "/read"))
readable = queuebit_executor.child_sandbox.readable_files(rights, ())
missing = queuebit_executor.child_sandbox.restrict(rights, readable, network=False)

def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "allowed"

def asked(request):
    if libc.ioctl(0, request, b"x"):
        raise OSError(ctypes.get_errno(), "ioctl")

def owned():
    fcntl.fcntl(socket.socketpair()[0], fcntl.F_SETOWN, os.getppid())

def log_much():
    for _ in range(70):
        os.write(2, bytes(1 << 20))

print(json.dumps({
    "missing": missing,
    "empty a file": tried(os.truncate, folder + "/key", 0),
    "empty what it reads": tried(os.open, folder + "/read", os.O_TRUNC),
    "read": tried(os.open, folder + "/read", os.O_RDONLY),
    "empty the log": tried(os.ftruncate, 2, 0),
    "make the log larger": tried(os.posix_fallocate, 2, 0, 1 << 20),
    "log a line": tried(os.write, 2, b"x"),
    "fill the disk": tried(log_much),
    "signal by a descriptor": tried(owned),
    "type into the terminal": tried(asked, 0x5412),
    "a pair of streams": tried(socket.socketpair),
    "a pair of packets": tried(socket.socketpair, socket.AF_UNIX, socket.SOCK_SEQPACKET),
    "a pair of datagrams": tried(socket.socketpair, socket.AF_UNIX, socket.SOCK_RAW),
    "a pair of another family": tried(socket.socketpair, 30),
    "threads": resource.getrlimit(resource.RLIMIT_NPROC)[1] > 1_000,
}))
"""


@pytest.mark.skipif(
    not landlock_version() or not supported(), reason="this kernel or processor cannot limit all that is tried"
)
@pytest.mark.parametrize("version", [1, 3, landlock_version()])
def test_files_are_not_emptied_and_nothing_outside_is_signalled(tmp_path: Path, version: int) -> None:
    """Landlock knows of emptying since version 3, and of signals since version 6."""
    for name in ("key", "read", "log"):
        (tmp_path / name).write_text("secret")
    command = [sys.executable, "-P", "-c", TRIES, str(tmp_path), str(version)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "missing": [f"{tmp_path}/read (it is in a folder of PYTHONPATH or `readable`)"],
        "empty a file": "EPERM",
        "empty what it reads": "EPERM" if version < 3 else "EACCES",
        "read": "allowed",
        "empty the log": "EPERM",
        "make the log larger": "EPERM",
        "log a line": "allowed",
        "fill the disk": "EFBIG",
        "signal by a descriptor": "EPERM",
        "type into the terminal": "EPERM",
        "a pair of streams": "allowed",
        "a pair of packets": "allowed",
        "a pair of datagrams": "EPERM",
        "a pair of another family": "EPERM",
        "threads": True,
    }
    assert [(tmp_path / it).read_text() for it in ("key", "read")] == ["secret", "secret"]
