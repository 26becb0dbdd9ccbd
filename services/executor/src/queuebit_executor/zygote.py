"""The process that forks children: `python -m queuebit_executor.zygote <fd> <memory MiB> <stack> <backend>…`.

It loads the SDK once, which takes seconds, so that a child starts in milliseconds. It never compiles or runs a circuit,
because the threads of OpenMP and Rayon do not survive a fork.

Protocol on the socket: the integer 0 with a file descriptor forks a child that serves the descriptor; any other integer
kills the child with that process id. For each child that ends, the zygote sends process id and wait status, and kills
the processes that the child left running.
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

from queuebit_runtime.sandbox import adopt_orphans, bound, die_with_parent, end_others, enter_nowhere

if TYPE_CHECKING:
    from queuebit_quantum import Backend

__all__ = ["END", "ORDER", "main"]

ORDER = struct.Struct("!i")
"""0 to fork, or the process id of the child to kill."""

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


def main(control: socket.socket, memory_bytes: int, stack: str, ids: list[str]) -> None:
    """Serve orders until the parent closes the connection, then kill all children and their processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C in a terminal
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
            elif pid in alive:  # not reaped yet, so that no other process has this id
                os.kill(pid, signal.SIGKILL)


def _notice_ends() -> socket.socket:
    """Return a socket that becomes readable when a child has ended."""
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

    del worker  # imported here so that forks have it
    gc.collect()
    gc.freeze()
    return backends


def _fork(descriptor: int, memory_bytes: int, backends: dict[str, Backend]) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(zygote, descriptor, memory_bytes, backends)
    os.close(descriptor)
    return pid


def _child(zygote: int, descriptor: int, memory_bytes: int, backends: dict[str, Backend]) -> None:
    from queuebit_executor.worker import serve

    status = 1
    try:
        die_with_parent(zygote)
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
        os._exit(status)  # never return to the loop of the zygote


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]) << 20, sys.argv[3], sys.argv[4:])
