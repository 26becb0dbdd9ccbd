"""The process that forks children: `python -m queuebit_executor.zygote <fd> <memory MiB> <rights> <stack> <backend>…`.

It loads the SDK once, which takes seconds, so that a child starts in milliseconds, and runs one small circuit of its
own, which each child would do again for its first run. It compiles none, and runs none of a tenant: the threads that
OpenMP and Rayon would start do not survive a fork.

Protocol on the socket: the integer 0 with a file descriptor forks a child that serves the descriptor, and -1 one that
calls no vendor, and so has no network. Any other integer kills the child with that process id. For each child that
ends, the zygote sends process id and wait status, and kills the processes that the child left running.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from glob import glob
from typing import TYPE_CHECKING, NamedTuple

from queuebit_executor.child_sandbox import Rights, readable_files, ready_filter, restrict
from queuebit_runtime.huge_pages import use_huge_pages
from queuebit_runtime.sandbox import adopt_orphans, bound, die_with_parent, end_others, enter_nowhere
from queuebit_runtime.system_calls import supported

if TYPE_CHECKING:
    from queuebit_quantum import Backend, Stack

__all__ = ["END", "LOCAL", "ORDER", "main"]

ORDER = struct.Struct("!i")
"""0 or `LOCAL` to fork, or the process id of the child to kill."""

LOCAL = -1
"""Forks a child for a backend that is not remote."""

END = struct.Struct("!ii")
"""Process id and wait status of a child that ended."""

_SERVED = 3
"""The only file descriptor of a child besides the standard three."""

_DIALECTS = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;',
    'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; x q[0]; c = measure q;',
    'define void @main() "entry_point" { call void @__quantum__qis__mz__body(ptr null, ptr null) '
    "call void @__quantum__rt__result_record_output(ptr null, ptr null) ret void }",
)


class _Children(NamedTuple):
    """How children are made."""

    memory_bytes: int
    reserved_bytes: int
    rights: Rights
    readable: list[str]
    devices: list[str]
    backends: dict[str, Backend]

    def has_network(self, *, local: bool) -> bool:
        """Whether a child may reach a network; `local` is one for a backend that is not remote."""
        if self.rights.network is not None:
            return self.rights.network
        return not local and any(it.describe().remote for it in self.backends.values())


def main(control: socket.socket, memory_bytes: int, rights: Rights, stack: str, ids: list[str]) -> None:
    """Serve orders until the parent closes the connection, then kill all children and their processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C in a terminal
    die_with_parent(os.getppid())
    adopt_orphans()
    enter_nowhere()
    plugin, backends = _load(stack, ids)
    readable = readable_files(rights, os.environ.values())
    devices = [path for it in plugin.devices for path in glob(it)]
    children = _Children(memory_bytes, plugin.reserved_bytes, rights, readable, devices, backends)
    if supported():
        for local in (True, False):
            ready_filter(rights, network=children.has_network(local=local), drivers=bool(devices))
    gc.freeze()
    use_huge_pages()
    _serve(control, children)
    signal.set_wakeup_fd(-1)
    end_others()


def _serve(control: socket.socket, children: _Children) -> None:
    ended = _notice_ends()
    alive: set[int] = set()
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            while alive and (end := os.waitpid(-1, os.WNOHANG))[0]:
                alive.discard(end[0])
                control.sendall(END.pack(*end))
            end_others(alive)
        if control in ready:
            try:
                order, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 1)
            except ConnectionError:
                return
            if not order:
                return
            (number,) = ORDER.unpack(order)
            if descriptors:
                alive.add(_fork(descriptors[0], children, local=number == LOCAL))
            elif number in alive:  # not reaped yet, so that no other process has this id
                os.kill(number, signal.SIGKILL)


def _notice_ends() -> socket.socket:
    """Return a socket that becomes readable when a child has ended."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ours


def _load(stack: str, ids: list[str]) -> tuple[Stack, dict[str, Backend]]:
    gc.disable()
    from queuebit_executor import worker
    from queuebit_quantum import load_stack, parse, profile, warm_up

    plugin = load_stack(stack)
    if plugin.preload is not None:
        plugin.preload()
    backends = {id_: plugin.backends[id_]() for id_ in ids}
    for source in _DIALECTS:
        profile(parse(source))
    for backend in backends.values():
        warm_up(backend)

    del worker  # imported here so that forks have it
    gc.collect()
    return plugin, backends


def _fork(descriptor: int, children: _Children, *, local: bool) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(zygote, descriptor, children, local=local)
    os.close(descriptor)
    return pid


def _child(zygote: int, descriptor: int, children: _Children, *, local: bool) -> None:
    from queuebit_executor.worker import serve

    status = 1
    try:
        die_with_parent(zygote)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(descriptor, _SERVED)
        os.closerange(_SERVED + 1, os.sysconf("SC_OPEN_MAX"))
        bound(children.memory_bytes, children.reserved_bytes)
        network = children.has_network(local=local)
        unlimited = restrict(children.rights, children.readable, children.devices, network=network)
        gc.enable()
        serve(socket.socket(fileno=_SERVED), children.backends, unlimited)
        status = 0
    finally:
        if status:
            with suppress(OSError):  # the log has no room for more lines of this child
                traceback.print_exc()
                sys.stderr.flush()
        os._exit(status)  # never return to the loop of the zygote


if __name__ == "__main__":
    main(
        socket.socket(fileno=int(sys.argv[1])),
        int(sys.argv[2]) << 20,
        Rights.from_argument(sys.argv[3]),
        sys.argv[4],
        sys.argv[5:],
    )
