"""Processes of the stack: each has its own session, is identified by pid and start time, and ends with its session."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = [
    "Identity",
    "die_with_parent",
    "end",
    "kill_session",
    "last_words",
    "launch",
    "open_log",
    "rotate",
    "shorten",
]

_LOG_BYTES = 8 << 20
_TAIL_BYTES = 4096
_WORDS = 200
_PR_SET_PDEATHSIG = 1
_DEATH_S = 5.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Identity:
    """A process by pid and start time. The system reuses a pid, so a pid alone does not identify a process."""

    pid: int
    start: int
    """Clock ticks from the boot to the start: unlike a time of day, it stays the same when the clock is set."""

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now, unless it is gone or a zombie."""
        import psutil  # takes 30 ms, which most commands do not need

        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else cls(pid, _ticks_at_start(process))
        except psutil.NoSuchProcess:
            return None

    @property
    def alive(self) -> bool:
        return Identity.of(self.pid) == self

    @property
    def stopped(self) -> bool:
        """Whether a signal or a debugger stopped it."""
        import psutil

        try:
            return psutil.Process(self.pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        except psutil.NoSuchProcess:
            return False


def _ticks_at_start(process: psutil.Process) -> int:
    """Clock ticks from the boot to the start of a process.

    psutil adds the boot time, which changes when the clock is set; the loop subtracts the same boot time.
    """
    import psutil

    while True:
        boot, created = psutil.boot_time(), process.create_time()
        if psutil.boot_time() == boot:
            ticks: int = round((created - boot) * _TICKS_PER_S)
            return ticks


def launch(
    argv: Sequence[str], env: Mapping[str, str], log: Path, inherited: Mapping[str, int] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that ends with this one and writes to a file.

    Args:
        argv: its arguments.
        env: its environment.
        log: the file.
        inherited: descriptors that it gets, by the variable of its environment that holds the number.
    """
    given = inherited or {}
    with open(open_log(log), "ab") as output:
        return subprocess.Popen(
            argv,
            env={**env, **{name: str(number) for name, number in given.items()}},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[*given.values()],
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # the supervisor's main thread is the only one that forks
        )


def open_log(log: Path) -> int:
    """Open a log for more lines; only its owner can read it."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def last_words(log: Path, begin: int) -> str:
    """The last line of a log after a position, cut for a table: a process that cannot start prints the reason last."""
    with log.open("rb") as written:
        written.seek(max(begin, log.stat().st_size - _TAIL_BYTES))
        lines = written.read().decode(errors="replace").splitlines()
    return next((line.strip()[:_WORDS] for line in reversed(lines) if line.strip()), f"see {log}")


def rotate(log: Path) -> None:
    """Rotate a large log; the earlier rotated file is replaced."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))


def shorten(log: Path) -> bool:
    """Rotate a large log while a process writes to it; return whether it was large.

    The log is copied and truncated: lines written in between are lost, a few at most.
    """
    if log.stat().st_size <= _LOG_BYTES:
        return False
    shutil.copyfile(log, log.with_suffix(".log.1"))
    os.truncate(log, 0)
    return True


def end(processes: Iterable[Identity], timeout_s: float = 10.0) -> None:
    """Send SIGTERM to all, wait, then kill the sessions of those that still run."""
    ours = [it for it in processes if it.alive]
    for process in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGCONT)  # a stopped process handles SIGTERM only after SIGCONT
    _wait(ours, timeout_s)
    for process in ours:
        kill_session(process.pid)
    _wait(ours, _DEATH_S)


def kill_session(leader: int) -> None:
    """Kill the rest of a session: children must not outlive their process."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _wait(processes: Iterable[Identity], seconds: float) -> None:
    """Wait until they are gone, and reap those that are our children."""
    left = list(processes)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        left = [it for it in left if it.alive]
        time.sleep(0.01 if left else 0)


def die_with_parent() -> None:
    """Linux sends SIGTERM when the parent ends; on other systems `qb down` ends what remains."""
    with contextlib.suppress(OSError, AttributeError):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
