"""Starts services as copies of one process that has imported what all of them need.

To import that takes each service about a second of processor time, and ten services start at once. A copy has it
already. Only the first start of a process comes from here: what restarts later reads its files again, so that after an
upgrade no process has old modules beside new ones.

    python -m queuebit_stack.zygote DESCRIPTOR
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from setproctitle import setproctitle

from queuebit_stack.process import Identity, die_with_parent, open_log

__all__ = ["Forked", "Zygote"]

_PRELOADED = ("queuebit_runtime.service", "queuebit_runtime.view", "queuebit_runtime.consumers", "queuebit_pricing")
"""What services import beside their own packages."""
_MESSAGE_BYTES = 1 << 20
_MOST_DESCRIPTORS = 8
_START_S = 60.0
"""How long a start may take. The first one waits until the modules are imported."""


class Zygote:
    """The process that services are copied from. It is their parent: they end with it, and it ends with this one."""

    def __init__(self) -> None:
        """Start it. Linux only.

        Raises:
            OSError: it cannot be started.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ended: dict[int, int] = {}
        self._starts = 0
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "queuebit_stack.zygote", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509  # the supervisor's main thread is the only one that forks
            )

    def start(self, module: str, env: Mapping[str, str], log: Path, inherited: Mapping[str, int]) -> Forked:
        """Start a module as a program.

        Args:
            module: what `python -m` would run.
            env: its environment.
            log: the file that it writes to.
            inherited: descriptors that it gets, by the variable of its environment that holds the number.

        Raises:
            OSError: it did not start, within a minute.
        """
        self._starts += 1
        about = {"number": self._starts, "module": module, "env": dict(env), "log": str(log)}
        order = json.dumps({**about, "inherited": [*inherited]})
        self._channel.settimeout(_START_S)
        socket.send_fds(self._channel, [order.encode()], [*inherited.values()])
        while reply := self._channel.recv(_MESSAGE_BYTES):
            said = json.loads(reply)
            if said.get("number") != self._starts:
                self._note(said)
            elif "error" in said:
                raise OSError(said["error"])
            else:
                return Forked(said["pid"], self)
        raise ConnectionError("the zygote of the services has ended")

    def ended(self, pid: int) -> int | None:
        """The exit code of a process, negative for a signal; None while it runs."""
        self._channel.settimeout(0)
        with suppress(BlockingIOError, ConnectionError):
            while reply := self._channel.recv(_MESSAGE_BYTES):
                self._note(json.loads(reply))
        if pid not in self._ended and self._process.poll() is not None and Identity.of(pid) is None:
            return -signal.SIGTERM  # with its parent
        return self._ended.get(pid)

    def close(self) -> None:
        """End it, and what it started."""
        self._channel.close()
        self._process.wait()

    def _note(self, said: Mapping[str, Any]) -> None:  # plain JSON
        """Keep the end of a copy; end a copy that started too late, because another process has its place."""
        if "code" in said:
            self._ended[said["pid"]] = said["code"]
        elif "pid" in said:
            with suppress(ProcessLookupError):
                os.kill(said["pid"], signal.SIGKILL)


class Forked:
    """A process that a zygote started; as much of `subprocess.Popen` as the supervisor needs."""

    def __init__(self, pid: int, zygote: Zygote) -> None:
        self.pid = pid
        self._zygote = zygote

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._zygote.ended(self.pid)


@dataclass(frozen=True, slots=True)
class _Program:
    """What a copy is to be."""

    number: int
    """Of the start, in the answer."""
    module: str
    env: Mapping[str, str]
    log: str
    inherited: list[str]
    """The variables that hold the numbers of its descriptors."""


class _Server:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._me, self._supervisor = os.getpid(), os.getppid()
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(channel, selectors.EVENT_READ)

    def serve(self) -> _Program | None:
        """Start copies and report their ends.

        Returns:
            In a copy the program that it is to be; in this process None, when the supervisor has ended.
        """
        while True:
            for key, _ in self._waiting.select():
                if key.data is not None:
                    self._report(key.data, key.fd)
                    continue
                order, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, _MOST_DESCRIPTORS)
                if not order:
                    return None
                if (program := self._copy(_Program(**json.loads(order)), descriptors)) is not None:
                    return program

    def _copy(self, program: _Program, descriptors: list[int]) -> _Program | None:
        """Fork; return in the copy what it is to be."""
        try:
            log = open_log(Path(program.log))
            pid = os.fork()
        except OSError as error:
            for it in descriptors:
                os.close(it)
            self._say(number=program.number, error=str(error))
            return None
        if not pid:
            self._detach(log)
            given = dict(zip(program.inherited, map(str, descriptors), strict=True))
            return replace(program, env={**program.env, **given})
        for it in (log, *descriptors):
            os.close(it)
        self._waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
        self._say(number=program.number, pid=pid)
        return None

    def _detach(self, log: int) -> None:
        """Make this copy a process of its own: its session, its end with its parent, its input and output."""
        os.setsid()
        die_with_parent()
        if os.getppid() != self._me:  # it ended before
            os._exit(1)
        for key in [*self._waiting.get_map().values()]:
            os.close(key.fd)
        self._channel.detach()
        self._waiting.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.close(nothing)
        os.close(log)

    def _report(self, pid: int, descriptor: int) -> None:
        self._waiting.unregister(descriptor)
        os.close(descriptor)
        self._say(pid=pid, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.kill(self._supervisor, signal.SIGCHLD)  # as the end of a child of its own

    def _say(self, **words: object) -> None:
        self._channel.send(json.dumps(words).encode())


def main() -> None:
    """Serve until the supervisor ends; in each copy, run its program."""
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a copy would write to, and so copy, all of it
    try:
        program = _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    except ConnectionError:  # the supervisor has ended
        return
    if program is not None:
        setproctitle(f"{sys.executable} -m {program.module}")  # it writes over the first environment, so before
        os.environ.clear()
        os.environ.update(program.env)
        sys.argv[:] = [program.module]
        runpy.run_module(program.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
