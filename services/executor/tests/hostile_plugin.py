"""A plugin whose backends try what no circuit may, each what its id names; the outcome says how the attempt ended."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from queuebit_kernel import digest_of
from queuebit_quantum import (
    Backend,
    Circuit,
    Compiled,
    Description,
    Failed,
    InProcess,
    Method,
    Outcome,
    Stack,
    WorkItem,
)

__all__ = ["ATTEMPTS", "HOME", "PORT", "REMOTE", "install", "stack"]

HOME, PORT, REMOTE = "HOSTILE_HOME", "HOSTILE_PORT", "remote"
"""Variables with the folder of a stack and the port of its bus; the backend that is remote."""


def _home(name: str) -> Path:
    return Path(os.environ[HOME], name)


def _executor() -> int:
    """The parent of the parent: the processes of this machine are numbered one after another."""
    return int(os.environ["HOSTILE_EXECUTOR"])


def _connect() -> str:
    with socket.create_connection(("127.0.0.1", int(os.environ[PORT])), timeout=5) as connection:
        return connection.recv(4).decode()


def _send_datagram(kind: int) -> None:
    ours, _ = socket.socketpair(type=kind)
    ours.sendto(b"x", str(_home("socket")))


def _kill_by_a_descriptor() -> None:
    ours, theirs = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, _executor())
    fcntl.fcntl(ours, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC)
    theirs.send(b"x")


def _watch_the_home() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.inotify_add_watch(libc.inotify_init1(0), str(_home("")).encode(), 0x100) < 0:
        raise OSError(ctypes.get_errno(), "inotify")


def _fork_bomb() -> None:
    while True:
        if os.fork() == 0:
            time.sleep(600)


def _clone() -> None:
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)
    if (pid := libc.syscall(number, signal.SIGCHLD, 0, 0, 0, 0)) == 0:
        os._exit(0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")


def _allocate() -> None:
    kept = []
    while True:
        kept.append(bytearray(64 << 20))


def _allocate_shared() -> None:
    mmap.mmap(-1, 64 << 30)


def _burn() -> None:
    for _ in range(3):
        threading.Thread(target=_hash, daemon=True).start()
    _hash()


def _hash() -> None:
    import hashlib

    while True:
        hashlib.sha256(bytes(8 << 20)).digest()  # without Python's lock


def _outlive() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(1, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "reads-a-key": lambda: _home("key").read_text(),
    "lists-the-home": lambda: os.listdir(_home("")),
    "writes-in-the-home": lambda: _home("new").write_text("x"),
    "writes-in-the-temporary-folder": lambda: Path("/tmp/queuebit-hostile").write_text("x"),
    "opens-the-key-to-all": lambda: _home("key").chmod(0o666),
    "removes-a-key": lambda: _home("key").unlink(),
    "reads-users": lambda: Path("/etc/passwd").read_text(),
    "reads-the-executors-environment": lambda: Path(f"/proc/{_executor()}/environ").read_text(),
    "reads-the-zygotes-memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "connects-to-the-bus": _connect,
    "sends-to-a-socket": partial(_send_datagram, socket.SOCK_DGRAM),
    "sends-to-a-socket-by-its-other-name": partial(_send_datagram, socket.SOCK_RAW),
    "starts-a-program": lambda: subprocess.run(["/bin/true"], check=True),
    "replaces-itself": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
    "forks-without-end": _fork_bomb,
    "clones-itself": _clone,
    "kills-the-executor": lambda: os.kill(_executor(), signal.SIGKILL),
    "kills-the-zygote": lambda: os.kill(os.getppid(), signal.SIGKILL),
    "kills-by-a-descriptor": _kill_by_a_descriptor,
    "watches-the-home": _watch_the_home,
    "empties-the-log": lambda: os.ftruncate(2, 0),
    "kills-all": lambda: os.kill(-1, signal.SIGKILL),
    "starves-the-executor": lambda: resource.prlimit(_executor(), resource.RLIMIT_CPU, (1, 1)),
    "slows-the-executor": lambda: os.setpriority(os.PRIO_PROCESS, _executor(), 19),
    "outlives-its-parent": _outlive,
    "allocates": _allocate,
    "allocates-shared-memory": _allocate_shared,
    "burns": _burn,
    REMOTE: _connect,
}


class Hostile(InProcess):
    """Runs the attempt that it is named after."""

    def __init__(self, id_: str) -> None:
        super().__init__()
        self.description = Description(
            id=id_,
            vendor="Hostile",
            kind="simulator",
            num_qubits=5,
            basis_gates=("x",),
            max_shots=10_000,
            target_digest=digest_of({"hostile": id_}),
            remote=id_ == REMOTE,
        )

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler="hostile 1",
            seed=seed,
            two_qubit_gates=circuit.two_qubit_gates,
            depth=circuit.depth,
            program=circuit,
            registers=circuit.registers,
            methods=(Method("none", 10**6, 1_000, 1 << 20),),
        )

    def run(self, item: WorkItem) -> Outcome:
        return Outcome({"00": item.shots})

    def collect(self, handle: str) -> tuple[Outcome | Failed, ...]:
        try:
            found = ATTEMPTS[self.description.id]()
        except OSError as error:
            return (Failed("refused", f"{type(error).__name__}: {os.strerror(error.errno or 0)}"),)
        return (Failed("done", str(found) or "-"),)


_backends: dict[str, Callable[[], Backend]] = {it: partial(Hostile, it) for it in ATTEMPTS}
stack = Stack(_backends)


def install(folder: Path) -> str:
    """Leave in a folder what pip would; return the path on which it is installed then."""
    about = folder / "hostile_plugin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[queuebit.backends]\nhostile = hostile_plugin:stack\n")
    return os.pathsep.join([str(folder), str(Path(__file__).parent)])
