"""Keeps the processes of a stack running: starts them, restarts those that end, ends them in order."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from queuebit_stack.child import Child
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.gate import Gate
from queuebit_stack.home import Home
from queuebit_stack.log_files import stamped
from queuebit_stack.log_mark import LogLost
from queuebit_stack.process import Identity, end
from queuebit_stack.process_specs import BROKER, NATS, Executors, Spec, is_executor, same
from queuebit_stack.stack import Running, Stack, in_order
from queuebit_stack.zygote import Zygote

__all__ = ["Supervisor"]

_TICK_S = 0.05
_CALM_TICK_S = 0.5
"""The same while everything is up. When a process ends, the next tick comes at once."""
_KEEP_S = 5.0
_FOLLOW_S = 3.0
"""Seconds between two looks at what is installed."""
_WAVE_S = 5.0
"""The longest time before the next wave of processes starts, if a wave does not become ready."""
_ROOM_BYTES = 16 << 20
"""The least free space for the restart of a server that stopped storing."""
_SICK_S = 3.0
"""How long nats-server may answer 503 before it counts as unhealthy."""
_RECOVERY_S = 120.0
"""The same after a start: it answers 503 while it reads its store."""


class Supervisor:
    """One stack, from its start to its end. All processes are started by the thread that calls `run`."""

    def __init__(self, home: Home, ports: Mapping[str, int], specs: Sequence[Spec]) -> None:
        self._home = home
        self._ports, self._gate = dict(ports), Gate()
        self._zygote: Zygote | None = None
        """What services are copied from when they start together."""
        self.children = [Child(spec, home.log_file(spec.name), self._gate) for spec in specs]
        self._stopping = False
        self._news: SimpleQueue[None] = SimpleQueue()
        """An entry makes the next tick come at once. A signal handler may put one; an `Event` has a lock, so that a
        handler that sets it can wait for the code that it interrupted, for ever."""
        self._folder = _identity(home.root)
        self._written: tuple[int, ...] | None = None
        self._trouble = ""
        self._was_up = False
        self._wave = 0
        self._wave_began = 0.0
        self._prepared: Identity | None = None
        """The bus process that streams and consumers were provisioned on."""
        self._preparing: tuple[Identity, Future[None]] | None = None
        self._keeping: Future[None] | None = None
        self._keep_at = 0.0
        self._settling: Future[None] | None = None
        self._settled = False
        self._following: Future[Executors | None] | None = None
        self._follow_at = 0.0
        self._wanted: Executors | None = None
        """Executors that are to run, while others do."""
        self._leaving: dict[Child, Future[None]] = {}
        """Executors that are being ended for good."""

    def stop(self) -> None:
        """Make `run` end all processes and return."""
        self._stopping = True
        self._news.put(None)

    @property
    def stopping(self) -> bool:
        """Whether `run` is ending all processes."""
        return self._stopping

    @property
    def up(self) -> bool:
        """Whether every process is ready, and none is being replaced."""
        return not self._leaving and all(child.seen.ready for child in self.children)

    @property
    def _state(self) -> str:
        return "up" if self._was_up else "starting"

    def run(
        self,
        prepare: Callable[[], None],
        show: Callable[[Supervisor], None] = lambda _: None,
        keep: Callable[[], None] = lambda: None,
        settle: Callable[[], None] = lambda: None,
        follow: Callable[[], Executors | None] = lambda: None,
    ) -> None:
        """Start all processes and keep them running until `stop`, SIGTERM, SIGINT, or the end of the home.

        Args:
            prepare: called after each start of the bus, the first time before any process may connect to it: a server
                that was killed, or whose disk was full, may have lost streams and consumers.
            show: called at every tick.
            keep: called every few seconds, and before the bus ends: saves the last sequence of the log.
            settle: called once the broker is ready; the stack is up when it is done. Its `Stop` is only printed.
            follow: called every few seconds once everything was started: returns the executors to run, if these
                changed. It does not wait until everything is ready: an executor that always fails is replaced too.

        Raises:
            Stop: the home was moved or deleted, or the log lost events; all processes have ended.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGCHLD, lambda *_: self._news.put(None))
        if hasattr(os, "pidfd_open") and any(child.spec.module for child in self.children):
            with suppress(OSError):  # then services start like other processes
                self._zygote = Zygote()
        pool = ThreadPoolExecutor(4, thread_name_prefix="health")
        try:
            self._start_wave(0)
            while not self._stopped_at_tick() and self._at_home():
                self._tick(pool)
                self._prepare(pool, prepare)
                self._keep(pool, keep)
                self._settle(pool, settle)
                self._follow(pool, follow)
                show(self)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # to list what is installed may take minutes
            self._end(keep)
        if not self._at_home():
            raise Stop(Exit.UNREACHABLE, f"{self._home.root} was deleted or moved while its stack ran: all of it ended")

    def _end(self, keep: Callable[[], None]) -> None:
        """End all processes in order, those of removed stacks too."""
        self._record("stopping")
        children = (*self._leaving, *self.children)
        for group in in_order({it.spec.name: it.identity for it in children if it.identity}):
            if self._bus in group and self._prepared is not None:
                keep()
            end(group)
        for child in children:
            child.finish()
        self._gate.close()
        if self._zygote is not None:
            self._zygote.close()
        self._save(Stack("down", self._ports, {}))

    def _stopped_at_tick(self) -> bool:
        """Wait for the next tick; return whether it is the last."""
        with suppress(Empty):
            self._news.get(timeout=_CALM_TICK_S if self._was_up and self.up else _TICK_S)
        return self._stopping

    def _at_home(self) -> bool:
        return _identity(self._home.root) == self._folder

    @property
    def _bus(self) -> Identity | None:
        return next((child.identity for child in self.children if child.spec.name == NATS), None)

    def _prepare(self, pool: ThreadPoolExecutor, prepare: Callable[[], None]) -> None:
        """Prepare a started bus, and open the gate; of a restarted bus, repeat it until it succeeds."""
        if self._preparing is None:
            if (bus := self._bus) is not None and bus != self._prepared:
                self._preparing = bus, pool.submit(prepare)
        elif self._preparing[1].done():
            bus, done = self._preparing
            self._preparing = None
            if (error := done.exception()) is None:
                self._prepared = bus
                self._gate.open()
            elif isinstance(error, Stop) and not isinstance(error, LogLost) and self._prepared is not None:
                self._complain(str(error))
            else:
                raise error

    def _keep(self, pool: ThreadPoolExecutor, keep: Callable[[], None]) -> None:
        """Save the last sequence of the log, unless the bus is not prepared yet."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()
            self._keeping, self._keep_at = None, time.monotonic() + _KEEP_S
        if self._keeping is None and time.monotonic() >= self._keep_at and self._bus == self._prepared:
            self._keeping = pool.submit(keep)

    def _settle(self, pool: ThreadPoolExecutor, settle: Callable[[], None]) -> None:
        """Settle once, when the broker is ready."""
        if self._settling is None and all(child.seen.ready for child in self.children if child.spec.name == BROKER):
            self._settling = pool.submit(settle)
        elif self._settling is not None and not self._settled and self._settling.done():
            self._settled = True
            if (error := self._settling.exception()) is not None:
                if not isinstance(error, Stop):
                    raise error
                self._complain(str(error))

    def _follow(self, pool: ThreadPoolExecutor, follow: Callable[[], Executors | None]) -> None:
        """Start the executors of new stacks, end those of removed stacks, restart those of changed stacks."""
        now = time.monotonic()
        for leaving, ended in [*self._leaving.items()]:
            if ended.done():
                ended.result()
                leaving.finish()
                del self._leaving[leaving]
        if self._following is not None and self._following.done():
            done, self._following, self._follow_at = self._following, None, now + _FOLLOW_S
            if (error := done.exception()) is None:
                self._wanted = done.result() or self._wanted
            elif isinstance(error, Stop):
                self._complain(str(error))
            else:
                raise error
        if self._wanted is not None and not self._leaving:
            self._reconcile(self._wanted, pool, now)
        started = all(child.spec.wave <= self._wave for child in self.children)
        if self._following is None and started and now >= self._follow_at and self._bus == self._prepared:
            self._following = pool.submit(follow)

    def _reconcile(self, wanted: Executors, pool: ThreadPoolExecutor, now: float) -> None:
        """End executors that are not wanted or have changed; once they have ended, start the missing ones."""
        specs = {spec.name: spec for spec in wanted.specs}
        running = [child for child in self.children if is_executor(child.spec)]
        for child in running:
            if not same(child.spec, specs.get(child.spec.name)):
                self.children.remove(child)
                self._leaving[child] = pool.submit(end, [child.identity] if child.identity else [])
        if not self._leaving:
            self._ports, self._wanted = dict(wanted.ports), None
            for name in specs.keys() - {child.spec.name for child in running}:
                self.children.append(Child(specs[name], self._home.log_file(name)))
                self._wave = max(self._wave, specs[name].wave)
                self.children[-1].start(now)
        self._record(self._state)

    def _start_wave(self, wave: int) -> None:
        self._wave, self._wave_began = wave, time.monotonic()
        for child in sorted(self.children, key=lambda it: not is_executor(it.spec)):  # executors take longest
            if child.spec.wave == wave:
                child.start(self._wave_began, self._zygote)
        self._record(self._state)

    def _tick(self, pool: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        changed = [child.tend(now) or child.ask(pool, now) for child in self.children]
        started = [child for child in self.children if child.spec.wave <= self._wave]
        settled = all(self._settles(child) for child in started) or now - self._wave_began > _WAVE_S
        if settled and len(started) < len(self.children):
            self._start_wave(self._wave + 1)
        for child in self.children:
            if child.spec.name == NATS and self._can_recover(child, now):
                child.restart()
        if not self._was_up and self.up and self._settled:
            self._was_up = True
            changed.append(True)
        if any(changed) or self._written is None or self._written != _identity(self._home.stack_file):
            self._record(self._state)

    def _settles(self, child: Child) -> bool:
        """Whether the next wave need not wait for it."""
        return child.seen.ready or (self._gate.closed and (child.seen.answered or child.spec.name == NATS))

    def _can_recover(self, nats: Child, now: float) -> bool:
        """Whether a restart can help: a server whose disk was full stays unhealthy after space is freed."""
        if nats.sick_since is None or now - nats.sick_since < (_SICK_S if nats.was_ready else _RECOVERY_S):
            return False
        return shutil.disk_usage(self._home.jetstream).free >= _ROOM_BYTES

    def _record(self, state: str) -> None:
        listens = {child.spec.name: child.spec.listens for child in self.children}
        processes = {it.spec.name: Running.of(it.identity, it.restarts, it.reason, it.last_end) for it in self.children}
        self._save(Stack(state, self._ports, listens, Running.of(Identity.of(os.getpid())), processes))

    def _save(self, stack: Stack) -> None:
        if not self._at_home():  # another folder may be there now
            return
        try:
            stack.save(self._home)
            self._written, self._trouble = _identity(self._home.stack_file), ""
        except OSError as error:  # a full disk must not end the supervisor
            self._written = None
            self._complain(f"{self._home.stack_file} cannot be written: {error.strerror}")

    def _complain(self, trouble: str) -> None:
        """Print a problem once, if the disk has room."""
        if trouble != self._trouble:
            self._trouble = trouble
            with suppress(OSError):
                print(stamped(trouble), file=sys.stderr, flush=True)


def _identity(path: Path) -> tuple[int, ...] | None:
    """Changes when another process replaces the file or folder, or writes into the file."""
    try:
        seen = path.stat()
    except OSError:
        return None
    written = () if stat.S_ISDIR(seen.st_mode) else (seen.st_mtime_ns, seen.st_size)
    return (seen.st_dev, seen.st_ino, *written)
