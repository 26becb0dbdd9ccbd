"""Starts a stack: runs its supervisor, here or in the background, and waits until every process is ready."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from queuebit.text import visible
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import sign
from queuebit_stack.log_files import stamped
from queuebit_stack.overview import overview
from queuebit_stack.process import Identity, rotate
from queuebit_stack.stack import Running, Stack
from queuebit_stack.startup import START_S, last_words

if TYPE_CHECKING:  # supervision is imported where it begins: other commands of `qb` need none of it
    from queuebit_stack.supervisor import Supervisor

__all__ = ["Background", "advances", "announce", "append_to", "close_inherited", "in_background", "supervise"]

_Rows = list[dict[str, object]]

_TICK_S = 0.05
_LOOK_S = 0.5
"""How often all processes are asked for their health: while they start, they need the processor themselves."""


def supervise(
    home: Home, ports: dict[str, int], say: Callable[[str], None], draw: Callable[[Supervisor], None] = lambda _: None
) -> None:
    """Run the stack until this process gets a signal to end it; then end every process.

    Args:
        home: whose stack; this process holds its lock, and `prepare` has written its files.
        ports: as `prepare` chose them.
        say: called with a line for the log whenever a process becomes ready or ends.
        draw: called again and again with the supervisor, to show how its processes are.

    Raises:
        Stop: the stack cannot be started.
    """
    Stack("starting", ports, {}, Running.of(Identity.of(os.getpid()))).save(home)
    from queuebit_stack.connection import quick_start

    quick_start()
    from queuebit_stack.executors import FollowStacks
    from queuebit_stack.nats_server import keep_log_mark
    from queuebit_stack.process_specs import NATS, process_specs
    from queuebit_stack.supervisor import Supervisor
    from queuebit_stack.tenant_facts import import_edited
    from queuebit_stack.topology_setup import lay_out

    announced = announce(say)

    def show(supervisor: Supervisor) -> None:
        announced(supervisor)
        draw(supervisor)

    home.jetstream.mkdir(mode=0o700, exist_ok=True)
    supervisor = Supervisor(home, ports, process_specs(home, ports))
    supervisor.run(
        lambda: lay_out(home, ports[NATS], lambda: supervisor.stopping),
        show,
        lambda: keep_log_mark(home, ports[NATS]),
        lambda: import_edited(home, Stack("starting", ports, {})),
        FollowStacks(home, ports),
    )


def announce(write: Callable[[str], None]) -> Callable[[Supervisor], None]:
    """Lines for a log: processes that became ready or ended."""
    announced: dict[str, tuple[int, str]] = {}

    def show(supervisor: Supervisor) -> None:
        for child in supervisor.children:
            news = "ready" if child.seen.ready else child.reason
            if news and announced.get(child.spec.name) != (child.restarts, news):
                announced[child.spec.name] = child.restarts, news
                more = f", {child.spec.listens}" if child.seen.ready else "; it is restarted"
                with suppress(OSError):  # a log on a full disk must not end the stack
                    write(stamped(f"{child.spec.name}: {news}{more}"))
        for gone in announced.keys() - {child.spec.name for child in supervisor.children}:
            del announced[gone]
            with suppress(OSError):
                write(stamped(f"{gone}: ended, since its stack was removed or changed"))

    return show


def append_to(log: Path) -> Callable[[str], None]:
    """Append lines to a log, for a terminal that shows only the newest state."""

    def append(text: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            print(text, file=file)

    return append


@dataclass(frozen=True, slots=True)
class Background:
    """A start whose supervisor is a child of this process."""

    home: Home
    supervisor: int
    """Its process id."""
    begin: int
    """Where its messages begin in the supervisor's log."""

    def wait(self, report: Callable[[str], None]) -> _Rows:
        """Wait until the stack is up, and return its processes; a service that still reads the log is waited for.

        Args:
            report: called with the progress, in one line.

        Raises:
            Stop: the supervisor ended, or processes are late; the text says which, and why.
        """
        began = time.monotonic()
        deadline = began + START_S
        look_at = began
        rows: _Rows = []
        ready: list[str] = []  # the newest first: older ones may not fit
        ended, code = 0, 0
        while not ended and (now := time.monotonic()) < deadline:
            stack = Stack.load(self.home)
            up = stack is not None and stack.state == "up"
            if stack is not None and stack.processes and (up or now >= look_at):
                before, rows, look_at = rows, overview(self.home, stack), now + _LOOK_S
                if advances(before, rows):
                    deadline = now + START_S
                names = [str(row["service"]) for row in rows if row["ready"]]
                ready = [*(name for name in names if name not in ready), *(name for name in ready if name in names)]
                report(_progress(rows, ready))
            if up:
                return rows
            time.sleep(_TICK_S)
            ended, code = os.waitpid(self.supervisor, os.WNOHANG)
        raise self._failed(rows, code if ended else None, time.monotonic() - began)

    def _failed(self, rows: _Rows, code: int | None, waited_s: float) -> Stop:
        """Explain a failed start: late processes while the supervisor runs, else its last messages."""
        home = self.home
        if code in (0, signal.SIGTERM):
            return Stop(
                Exit.UNREACHABLE, f"the stack was stopped while it was starting: {home.command('up')} starts it again"
            )
        logs = f"logs are in {home.root / 'logs'}"
        if code is not None:
            said = last_words(home.log_file("supervisor"), self.begin)
            return Stop(Exit.UNREACHABLE, f"the stack could not be started:\n{said}{logs}")
        late = "".join(f"  {row['service']}: {row['reason']}\n" for row in rows if not row["ready"])
        trying = f"late processes are restarted: see {home.command('status')}; {home.command('down')} ends it"
        return Stop(Exit.UNREACHABLE, f"the stack is not up after {waited_s:.0f} s:\n{late}{trying}; {logs}")


def advances(before: _Rows, rows: _Rows) -> bool:
    """Whether a service that is not ready, and never failed, has fewer messages to read than before."""
    behind = {row["service"]: int(str(row["behind"])) for row in before}
    starting = (it for it in rows if not it["ready"] and not it["restarts"])
    return any(0 < int(str(it["behind"])) < behind.get(it["service"], 0) for it in starting)


def in_background(home: Home, ports: dict[str, int], lock: IO[str]) -> Background:
    """Start the supervisor in a process of its own, which writes to the supervisor's log and takes over the lock."""
    log = home.log_file("supervisor")
    rotate(log)
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begin = os.fstat(words).st_size
    Stack("starting", ports, {}).save(home)
    if (child := os.fork()) == 0:
        sign(lock)
        os._exit(_detached(home, ports, words))
    lock.close()
    return Background(home, child, begin)


def _detached(home: Home, ports: dict[str, int], log: int) -> int:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, number)
    close_inherited()
    try:
        supervise(home, ports, lambda text: print(visible(text), flush=True))
    except (Stop, OSError) as error:
        with suppress(OSError):
            print(error, file=sys.stderr, flush=True)
            Stack("down", ports, {}).save(home)
        return int(error.code if isinstance(error, Stop) else Exit.UNREACHABLE)
    return int(Exit.DONE)


def close_inherited() -> None:
    """Close what the caller of the program left open: a lock of it would be held as long as the stack runs.

    Files that Python opened itself are not inheritable, and stay open.
    """
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # the listing itself had one
            if number > 2 and os.get_inheritable(number):
                os.close(number)


def _progress(rows: _Rows, ready: Sequence[str]) -> str:
    failing = [f"{row['service']}: {row['reason']}" for row in rows if row["restarts"]]
    return "; ".join([*failing, f"{len(ready)} of {len(rows)} ready: {', '.join(ready) or 'none yet'}"])
