"""The process that children are forked from: `python -m queuebit_executor.zygote <fd> <memory MiB> <stack> <backend>…`.

It loads the SDK once, which takes seconds, so that a child starts in milliseconds. It never compiles and never runs a
circuit: the threads of OpenMP and Rayon would be missing in its forks.

Over the socket: an integer 0 with a file descriptor forks a child that serves it; another integer kills the child of
that id. For each child that ends, the zygote sends its id and its wait status, and kills what it left behind.
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
from typing import TYPE_CHECKING

from queuebit_executor.sandbox import adopt_orphans, bound, die_with_parent, end_others, enter_nowhere

if TYPE_CHECKING:
    from queuebit_quantum import Backend

__all__ = ["END", "ORDER", "main"]

ORDER = struct.Struct("!i")
"""0 to fork, or the id of the child to kill."""

END = struct.Struct("!ii")
"""Id and wait status of a child that ended."""

_SERVED = 3
"""The one descriptor a child has besides the standard three."""

_DIALECTS = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;',
    'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; x q[0]; c = measure q;',
)


def main(control: socket.socket, memory_bytes: int, stack: str, ids: list[str]) -> None:
    """Serve orders until the parent hangs up, then kill all children and theirs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's interrupt is for the parent to handle
    die_with_parent(os.getppid())
    adopt_orphans()
    enter_nowhere()
    _serve(control, memory_bytes, _load(stack, ids))
    end_others()


def _serve(control: socket.socket, memory_bytes: int, backends: dict[str, Backend]) -> None:
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
            (pid,) = ORDER.unpack(order)
            if descriptors:
                alive.add(_fork(descriptors[0], memory_bytes, backends))
            elif pid in alive:  # not reaped yet, so the id cannot belong to anybody else
                os.kill(pid, signal.SIGKILL)


def _notice_ends() -> socket.socket:
    """A socket that becomes readable whenever a child has ended."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.detach())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ours


def _load(stack: str, ids: list[str]) -> dict[str, Backend]:
    gc.disable()
    from queuebit_executor import worker
    from queuebit_quantum import load_stack, parse

    plugin = load_stack(stack)
    if plugin.preload is not None:
        plugin.preload()
    backends = {id_: plugin.backends[id_]() for id_ in ids}
    for source in _DIALECTS:
        parse(source)

    del worker  # imported for the forks
    gc.collect()
    gc.freeze()
    return backends


def _fork(descriptor: int, memory_bytes: int, backends: dict[str, Backend]) -> int:
    template = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(template, descriptor, memory_bytes, backends)
    os.close(descriptor)
    return pid


def _child(template: int, descriptor: int, memory_bytes: int, backends: dict[str, Backend]) -> None:
    from queuebit_executor.worker import serve

    status = 1
    try:
        die_with_parent(template)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(descriptor, _SERVED)
        os.closerange(_SERVED + 1, os.sysconf("SC_OPEN_MAX"))
        bound(memory_bytes)
        gc.enable()
        serve(socket.socket(fileno=_SERVED), backends)
        status = 0
    finally:
        if status:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)  # never back into the template's loop


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]) << 20, sys.argv[3], sys.argv[4:])
