"""One process of a stack: starts it, asks for its health, restarts it with growing delays when it ends."""

from __future__ import annotations

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

from queuebit_stack import ports
from queuebit_stack.gate import NAMED_BY, Gate
from queuebit_stack.probe import Look
from queuebit_stack.process import Identity, end, kill_session, last_words, launch, rotate, shorten
from queuebit_stack.process_specs import Spec
from queuebit_stack.zygote import Forked, Zygote

__all__ = ["Backoff", "Child"]

_LOOK_S = 2.0
_LOOK_WHILE_STARTING_S = 0.1


class Backoff:
    """The delay before a restart."""

    FIRST_S, LAST_S, HEALTHY_S = 0.2, 10.0, 8.0

    def __init__(self) -> None:
        self._next = self.FIRST_S

    def after(self, lived_s: float) -> float:
        """The delay after a process that ran this long: twice the last delay, unless the process was stable."""
        pause = self.FIRST_S if lived_s >= self.HEALTHY_S else self._next
        self._next = min(2 * pause, self.LAST_S)
        return pause


class Child:
    """One process and its restarts.

    The socket of a process that receives secrets stays open until `finish`: while the process restarts, no
    other process can listen on its port, and clients that connect meanwhile wait for the new process.
    """

    def __init__(self, spec: Spec, log: Path, gate: Gate | None = None) -> None:
        """Open the port of a process that inherits its socket; raise `Stop` if the port is taken.

        Args:
            spec: what to start.
            log: the file that it writes to.
            gate: where it waits, if it is one that connects to the bus.
        """
        self.spec = spec
        self.log = log
        self._gate = gate
        self.identity: Identity | None = None
        self.restarts = 0
        self.reason = ""
        self.last_end = ""
        """How it ended the last time; kept after the restart."""
        self.seen = Look(reason="waits for its turn")
        self.sick_since: float | None = None
        self.was_ready = False
        """Since its last start."""
        self._listening = ports.listen(spec.inherits.port) if spec.inherits else None
        self._process: Popen[bytes] | Forked | None = None
        self._backoff = Backoff()
        self._started = 0.0
        self._log_begin = 0
        self._due: float | None = None
        self._asking: Future[Look] | None = None
        self._ask_at = 0.0

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, now: float, zygote: Zygote | None = None) -> None:
        """Start it; as a copy of a zygote, if there is one and it is a service."""
        self._started, self._due, self._ask_at, self.reason = now, None, now, ""
        self.seen, self.sick_since, self.was_ready = Look(reason="starting"), None, False
        try:
            rotate(self.log)
            self._log_begin = self.log.stat().st_size if self.log.exists() else 0
            self._process = self._launch(zygote)
        except OSError as error:
            self._failed(f"cannot be started: {error}", now)
        else:
            self.identity = Identity.of(self._process.pid)

    def tend(self, now: float) -> bool:
        """Detect its end, and restart it when that is due; return whether anything changed."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return False
            kill_session(self._process.pid)
            self.last_end = _signalled(-code) if code < 0 else f"ended with {code}: {self._last_words()}"
            self._failed(self.last_end, now)
            return True
        if self._due is not None and now >= self._due:
            self.restarts += 1
            self.start(now)
            return True
        return False

    def ask(self, pool: ThreadPoolExecutor, now: float) -> bool:
        """Ask for its health at intervals; return whether the answer changed."""
        if self._process is None:
            return False
        if self._asking is None:
            if now >= self._ask_at:
                self._asking = pool.submit(self.spec.look)
                self._keep_log_short()
            return False
        if not self._asking.done():
            return False
        before, self.seen, self._asking = self.seen, self._asking.result(), None
        self._ask_at = now + (_LOOK_S if self.seen.ready else _LOOK_WHILE_STARTING_S)
        self.was_ready = self.was_ready or self.seen.ready
        if self.seen.healthy or not self.seen.answered:
            self.sick_since = None
        elif self.sick_since is None:
            self.sick_since = now
        return before.ready != self.seen.ready

    def restart(self) -> None:
        """End it; the next `tend` restarts it."""
        if self.identity is not None:
            end([self.identity])

    def finish(self) -> None:
        """Note that it was ended and is not restarted."""
        if self._process is not None:
            self._process.poll()
            self._process = self.identity = None
        if self._listening is not None:
            self._listening.close()

    def _launch(self, zygote: Zygote | None) -> Popen[bytes] | Forked:
        inherited: dict[str, int] = {}
        if self._listening is not None and self.spec.inherits is not None:
            inherited[self.spec.inherits.named_by] = self._listening.fileno()
        if self.spec.gated and self._gate is not None and (gate := self._gate.descriptor) is not None:
            inherited[NAMED_BY] = gate
        if zygote is not None and self.spec.module:
            with suppress(OSError):  # then as any other process
                return zygote.start(self.spec.module, self.spec.env, self.log, inherited)
        return launch(self.spec.argv, self.spec.environment, self.log, inherited)

    def _keep_log_short(self) -> None:
        with suppress(OSError):  # a full disk is reported elsewhere
            if shorten(self.log):
                self._log_begin = 0

    def _last_words(self) -> str:
        try:
            return last_words(self.log, self._log_begin)
        except OSError:
            return f"see {self.log}"

    def _failed(self, reason: str, now: float) -> None:
        self.reason = reason
        self._process, self.identity, self.seen = None, None, Look(reason=reason)
        self._due = now + self._backoff.after(now - self._started)


def _signalled(number: int) -> str:
    try:
        return f"ended by signal {number} ({signal.Signals(number).name})"
    except ValueError:  # one without a name
        return f"ended by signal {number}"
