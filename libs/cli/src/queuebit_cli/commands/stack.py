"""`qb up`, `qb down`, `qb status`."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from queuebit_cli.copies import require_alone
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import sign
from queuebit_stack.overview import COLUMNS, overview
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack, take_down
from queuebit_stack.startup import START_S, grown, last_words, own, prepare, require_ports, turn

__all__ = ["down", "status", "up"]


def up(args: Namespace, out: Output) -> Exit:
    """Start the stack, and keep it running here or in the background."""
    os.umask(0o077)
    home = Home(args.home)
    require_ports(home, args.ports)
    home.prepare()
    with Progress(out.as_json, "another `qb` is starting or ending the stack"):
        lock = turn(home)
    if lock is None:
        return _already(home, out)
    if (previous := own(home)) is not None:
        require_alone(home, previous, out)
    chosen = prepare(home, previous, args.ports)
    if not args.detach:
        out.say(f"starting in {home.root}; Ctrl-C ends it")
        return _in_foreground(home, chosen, out)
    from queuebit_stack.process import rotate

    log = home.log_file("supervisor")
    rotate(log)
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begin = os.fstat(words).st_size
    Stack("starting", chosen, {}).save(home)
    if (child := os.fork()) == 0:
        sign(lock)
        os._exit(_in_background(home, chosen, words))
    lock.close()
    try:
        return _await(home, child, out, begin)
    except KeyboardInterrupt:
        text = f"interrupted; the stack still starts: see {home.command('status')}; {home.command('down')} ends it"
        raise Stop(Exit.INTERRUPTED, text) from None


def down(args: Namespace, out: Output) -> Exit:
    """End exactly what `qb up` started."""
    home = Home(args.home)
    with Progress(out.as_json, "stopping"):
        stack = grown(home)
        if stack is None or not (stack.supervised or stack.left):
            out.document({"stopped": []})
            out.say(f"nothing is running in {home.root}")
            return Exit.DONE
        stopped = take_down(home, stack)
    out.document({"stopped": stopped})
    out.say(f"stopped {len(stopped)} processes; data stays in {home.root}")
    return Exit.DONE


def status(args: Namespace, out: Output) -> Exit:
    """Print which processes are healthy, ready, and behind."""
    from queuebit_stack.config_check import troubles

    home = Home(args.home)
    home.require()
    stack = own(home)
    with Progress(out.as_json, "asking the processes"):
        rows = overview(home, stack) if stack else []
    ready = bool(rows) and all(row["ready"] for row in rows)
    state = "down" if stack is None or not (stack.supervised or stack.left) else "up" if ready else stack.state
    wrong = troubles(home, stack)
    out.document({"home": str(home.root), "state": state, "ready": ready, "services": rows, "troubles": wrong})
    if state != "down":
        for line in out.lines(rows, COLUMNS):
            out.say(line)
        wrong = [*_words_on(rows), *wrong]
    for trouble in wrong:
        out.say()
        for line in trouble.splitlines():
            out.paragraph(line)
    if state == "down":
        out.say(f"the stack in {home.root} is down: start it with {home.command('up')}")
        return Exit.UNREACHABLE
    if stack is not None and not stack.supervised:
        out.say(f"these processes have no supervisor: {home.command('up')} starts the stack again on the same data")
    elif stack is not None and (identity := stack.supervisor.identity) is not None and identity.stopped:
        out.say(f"the supervisor is stopped by a signal: kill -CONT {identity.pid} resumes it")
    return Exit.DONE if ready else Exit.UNREACHABLE


def _words_on(rows: list[dict[str, object]]) -> list[str]:
    """Why processes are not ready, and why they were restarted."""
    remarks = []
    for row in rows:
        again = f"restarted because it {row['last_end']}" if row["restarts"] and row["last_end"] else ""
        if why := row["reason"] or again:
            remarks.append(f"{row['service']}: {why}")
    return remarks


def _already(home: Home, out: Output) -> Exit:
    stack = Stack.load(home)
    rows = overview(home, stack) if stack else []
    out.document({"home": str(home.root), "state": "up", "already": True, "services": rows})
    out.say(f"the stack in {home.root} is already up")
    for line in out.lines(rows, ("service", "listens", "ready", "reason")):
        out.say(line)
    return Exit.DONE


def _in_foreground(home: Home, chosen: dict[str, int], out: Output) -> Exit:
    _supervise(home, chosen, out, live=sys.stdout.isatty() and not out.as_json)
    out.say(f"\nstopped; data stays in {home.root}")
    return Exit.DONE


def _in_background(home: Home, chosen: dict[str, int], log: int) -> int:
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, number)
    try:
        _supervise(home, chosen, Output(as_json=False), live=False)
    except (Stop, OSError) as error:
        with suppress(OSError):
            print(error, file=sys.stderr, flush=True)
            Stack("down", chosen, {}).save(home)
        return int(error.code if isinstance(error, Stop) else Exit.UNREACHABLE)
    return int(Exit.DONE)


def _supervise(home: Home, chosen: dict[str, int], out: Output, *, live: bool) -> None:
    Stack("starting", chosen, {}, Running.of(Identity.of(os.getpid()))).save(home)
    from queuebit_cli.live import Live, announce
    from queuebit_stack.executors import FollowStacks
    from queuebit_stack.nats_server import keep_log_mark
    from queuebit_stack.process_specs import NATS, process_specs
    from queuebit_stack.supervisor import Supervisor
    from queuebit_stack.tenant_facts import import_edited
    from queuebit_stack.topology_setup import lay_out

    home.jetstream.mkdir(mode=0o700, exist_ok=True)
    supervisor = Supervisor(home, chosen, process_specs(home, chosen))
    drawn, announced = Live(out), announce(_appending(home.log_file("supervisor")) if live else out.say)

    def show(supervisor: Supervisor) -> None:
        announced(supervisor)
        if live:
            drawn(supervisor)

    supervisor.run(
        lambda: lay_out(home, chosen[NATS], lambda: supervisor.stopping),
        show,
        lambda: keep_log_mark(home, chosen[NATS]),
        lambda: import_edited(home, Stack("starting", chosen, {})),
        FollowStacks(home, chosen),
    )


def _appending(log: Path) -> Callable[[str], None]:
    """Append lines to a log; the terminal shows only the newest."""

    def append(text: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            print(text, file=file)

    return append


def _await(home: Home, supervisor: int, out: Output, begin: int) -> Exit:
    """Wait until the stack is up or its supervisor ended; `begin` is the supervisor's first position in the log."""
    deadline = time.monotonic() + START_S
    rows: list[dict[str, object]] = []
    ready: list[str] = []  # the newest first: older ones may not fit
    ended, code = 0, 0
    with Progress(out.as_json, "starting", after_s=0) as progress:
        while not ended and time.monotonic() < deadline:
            stack = Stack.load(home)
            rows = overview(home, stack) if stack is not None and stack.processes else []
            if stack is not None and stack.state == "up":
                break
            failing = [f"{row['service']}: {row['reason']}" for row in rows if row["restarts"]]
            names = [str(row["service"]) for row in rows if row["ready"]]
            ready = [*(name for name in names if name not in ready), *(name for name in ready if name in names)]
            if rows:
                progress.update(
                    "; ".join([*failing, f"{len(ready)} of {len(rows)} ready: {', '.join(ready) or 'none yet'}"])
                )
            time.sleep(0.1)
            ended, code = os.waitpid(supervisor, os.WNOHANG)
        else:
            raise _did_not_come_up(home, rows, begin, code if ended else None)
    out.document({"home": str(home.root), "state": "up", "already": False, "services": rows})
    for line in out.lines(rows, ("service", "listens", "ready")):
        out.say(line)
    out.say(f"\nup in {home.root}; next: {home.command('submit FILE.qasm --wait').strip('`')}")
    return Exit.DONE


def _did_not_come_up(home: Home, rows: list[dict[str, object]], begin: int, code: int | None) -> Stop:
    """Explain a failed start: late processes while the supervisor runs, else its last messages."""
    if code in (0, signal.SIGTERM):
        return Stop(
            Exit.UNREACHABLE, f"the stack was stopped while it was starting: {home.command('up')} starts it again"
        )
    logs = f"logs are in {home.root / 'logs'}"
    if code is not None:
        said = last_words(home.log_file("supervisor"), begin)
        return Stop(Exit.UNREACHABLE, f"the stack could not be started:\n{said}{logs}")
    late = "".join(f"  {row['service']}: {row['reason']}\n" for row in rows if not row["ready"])
    trying = f"late processes are restarted: see {home.command('status')}; {home.command('down')} ends it"
    return Stop(Exit.UNREACHABLE, f"the stack is not up after {START_S:g} s:\n{late}{trying}; {logs}")
