"""Runs Python programs as copies of one process that has imported what they need.

A start of Python with the client's or a service's modules takes half a second to two seconds of processor time, and the
suite starts hundreds of programs. A copy has the modules already. It is a process with its own arguments,
environment, working directory, input and output, and exit code. Tests of what a program imports, and of its signals or
its terminal, start it from its files.

    python -m queuebit_testing.forked DESCRIPTOR MODULE...
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

__all__ = ["Copies", "Copy", "copies"]

_MESSAGE_BYTES = 1 << 20
_STANDARD = 3
"""The number of standard streams: their descriptors are the first three."""


class Copy:
    """A running program; as much of `subprocess.Popen` as tests need."""

    def __init__(self, argv: Sequence[str], channel: socket.socket, pid: int) -> None:
        self.args = [*argv]
        self.pid = pid
        self.returncode: int | None = None
        self._channel = channel

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """
        if self.returncode is None:
            if timeout is not None and not select.select([self._channel], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            ended = self._channel.recv(_MESSAGE_BYTES)
            self._channel.close()
            self.returncode = json.loads(ended)["code"] if ended else -signal.SIGKILL
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Copies:
    """The process that programs are copied from. It ends with this one; the programs do not."""

    def __init__(self, *preloaded: str) -> None:
        """Start it.

        Args:
            preloaded: modules that it imports. They start no thread.
        """
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "queuebit_testing.forked", str(theirs.fileno()), *preloaded],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        module: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | IO[bytes] | IO[str] | None = None,
        stderr: int | IO[bytes] | IO[str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Copy:
        """Start what `python -m` would run. Its input is empty.

        Args:
            module: the module.
            words: its arguments.
            env: its environment; this process's by default.
            cwd: its working directory; this process's by default.
            stdout: a file or a descriptor for its output; this process's by default.
            stderr: the same for its errors.
            pass_fds: descriptors that it has under the same numbers.

        Raises:
            OSError: it cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = {
            "module": module,
            "words": words,
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd or Path.cwd()),
            "numbers": [*range(_STANDARD), *pass_fds],
        }
        with theirs, Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), _descriptor(stdout, 1), _descriptor(stderr, 2)]
            socket.send_fds(self._channel, [json.dumps(order).encode()], [theirs.fileno(), *streams, *pass_fds])
        started = ours.recv(_MESSAGE_BYTES)
        if not started:
            ours.close()
            raise ConnectionError("the process that programs are copied from has ended")
        return Copy([module, *words], ours, json.loads(started)["pid"])

    def run(
        self,
        module: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return its exit code and its output.

        Raises:
            subprocess.TimeoutExpired: it ran for longer than `timeout` seconds, and was killed.
        """
        with open(os.memfd_create("stdout"), "w+b") as out, open(os.memfd_create("stderr"), "w+b") as err:
            copy = self.start(module, *words, env=env, cwd=cwd, stdout=out, stderr=err)
            try:
                code = copy.wait(timeout)
            except subprocess.TimeoutExpired:
                copy.kill()
                copy.wait()
                raise
            return subprocess.CompletedProcess(copy.args, code, *(_text(it) for it in (out, err)))

    def close(self) -> None:
        """End the process; what it started goes on."""
        self._channel.close()
        self._process.wait()


@cache
def copies(*preloaded: str) -> Copies:
    """Return a process for copies with these modules: one for all tests of this process, which ends it."""
    shared = Copies(*preloaded)
    atexit.register(shared.close)
    return shared


def _descriptor(file: int | IO[bytes] | IO[str] | None, standard: int) -> int:
    if file is None:
        return standard
    return file if isinstance(file, int) else file.fileno()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@dataclass(frozen=True, slots=True)
class _Program:
    """What a copy is to be."""

    module: str
    words: list[str]
    env: dict[str, str]
    cwd: str
    numbers: list[int]
    """The numbers that its descriptors get."""


class _Server:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._running: dict[int, tuple[int, socket.socket]] = {}
        """By the descriptor of a copy: its process id, and where its end is reported."""

    def serve(self) -> _Program | None:
        """Start copies and report their ends.

        Returns:
            In a copy the program that it is to be; in this process None, when the tests have ended.
        """
        while True:
            waiting: list[socket.socket | int] = [self._channel, *self._running]
            ready, _, _ = select.select(waiting, [], [])
            for it in ready:
                if isinstance(it, int):
                    self._report(it)
            if self._channel in ready:
                order, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE_BYTES, 32)
                if not order:
                    return None
                program = _Program(**json.loads(order))
                if not self._copy(descriptors):
                    self._become(program, descriptors)
                    return program

    def _copy(self, descriptors: list[int]) -> int:
        """Fork; return the process id, 0 in the copy."""
        if pid := os.fork():
            report, *theirs = descriptors
            for it in theirs:
                os.close(it)
            caller = socket.socket(fileno=report)
            self._running[os.pidfd_open(pid)] = (pid, caller)
            _say(caller, pid=pid)
        return pid

    def _become(self, program: _Program, descriptors: list[int]) -> None:
        """Give this copy its descriptors, and none of those of this process."""
        for pidfd, (_, caller) in self._running.items():
            os.close(pidfd)
            caller.close()
        self._channel.close()
        above = max(program.numbers) + 1
        aside = [fcntl.fcntl(it, fcntl.F_DUPFD_CLOEXEC, above) for it in descriptors[1:]]
        for it in descriptors:
            os.close(it)
        for it, number in zip(aside, program.numbers, strict=True):
            os.dup2(it, number, inheritable=True)
            os.close(it)

    def _report(self, pidfd: int) -> None:
        pid, caller = self._running.pop(pidfd)
        os.close(pidfd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with caller:
            _say(caller, code=code)


def _say(caller: socket.socket, **words: int) -> None:
    with suppress(OSError):  # it waits no longer
        caller.send(json.dumps(words).encode())


def _run(program: _Program) -> None:
    """Run a program in this process, as `python -m` would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(program.env)
    os.chdir(program.cwd)
    sys.argv[:] = [program.module, *program.words]
    sys.path[0] = program.cwd
    sys.path[1:1] = [it for it in program.env.get("PYTHONPATH", "").split(os.pathsep) if it and it not in sys.path]
    runpy.run_module(program.module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Serve until the tests end; in each copy, run its program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the tests end this process
    for name in sys.argv[2:]:
        importlib.import_module(name)
    for name in [name for name, module in sys.modules.items() if module is None]:
        del sys.modules[name]  # `qb` marks modules that it does not want to load
    gc.collect()
    gc.freeze()  # a collection in a copy would write to, and so copy, all of it
    program = _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if program is not None:
        _run(program)


if __name__ == "__main__":
    main()
