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
from typing import IO

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import holder, sign, take
from queuebit_stack.overview import COLUMNS, overview
from queuebit_stack.process import Identity
from queuebit_stack.stack import Running, Stack, take_down

__all__ = ["down", "status", "up"]

_START_S = 90.0
_BIRTH_S = 10.0
"""The longest time from taking the lock to a running supervisor."""


def up(args: Namespace, out: Output) -> Exit:
    """Start the stack, and keep it running here or in the background."""
    os.umask(0o077)
    from queuebit_stack import ports

    home = Home(args.home)
    free = home.command("up --ports auto")
    if not home.initialised and args.ports != "auto":
        ports.fixed(way_out=free)  # before anything is created that a failed start would leave behind
    home.prepare()
    lock = _turn(home, out)
    if lock is None:
        return _already(home, out)
    from queuebit_cli.copies import require_alone
    from queuebit_stack.bootstrap import (
        bootstrap,
        first_tenants,
        keep_tenants,
        kept_tenants,
        readdress,
        write_logins,
        write_nats_config,
    )
    from queuebit_stack.config_check import require_good
    from queuebit_stack.process import rotate
    from queuebit_stack.stacks import find, save

    previous = _own(home)
    if previous is not None:
        require_alone(home, previous, out)
        take_down(home, previous)  # left by a killed supervisor
    had = previous.ports if previous else {}
    stacks = find(home)
    chosen = ports.with_executors(ports.choose(args.ports, had, free), stacks.served, had)
    save(home, stacks)
    bootstrap(home)
    require_good(home)
    first = first_tenants(home)
    write_nats_config(home, chosen, first)
    write_logins(home, first)
    if kept_tenants(home) is None:
        keep_tenants(home)  # what the broker begins with
    readdress(home, f"nats://127.0.0.1:{chosen['nats-server']}")
    if not args.detach:
        out.say(f"starting in {home.root}; Ctrl-C ends it")
        return _in_foreground(home, chosen, out)
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
        stack = _grown(home)
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
    stack = _own(home)
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


def _own(home: Home) -> Stack | None:
    """The stack that `qb up` started here; None if there is none."""
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: see `docker compose ps`")
    return stack


def _turn(home: Home, out: Output) -> IO[str] | None:
    """Take the lock to run this home's stack; None if the stack is up.

    Waits while another process starts or ends the stack.

    Raises:
        Stop: the other process makes no progress.
    """
    deadline = time.monotonic() + _START_S
    with Progress(out.as_json, "another `qb` is starting or ending the stack"):
        while (lock := take(home.lock_file)) is None:
            stack = Stack.load(home)
            if stack is not None and stack.supervised and stack.state == "up":
                return None
            if time.monotonic() > deadline:
                raise Stop(
                    Exit.UNREACHABLE,
                    f"process {holder(home.lock_file)} is starting or ending the stack in {home.root} and makes no "
                    f"progress: see {home.command('status')}; {home.command('down')} ends it",
                )
            time.sleep(0.1)
    return lock


def _grown(home: Home) -> Stack | None:
    """The stack; waits for a stack that is just starting, until its supervisor runs."""
    deadline = time.monotonic() + _BIRTH_S
    while (stack := _own(home)) is None or not stack.supervised:
        if (who := holder(home.lock_file)) is None:
            break
        if time.monotonic() > deadline:
            raise Stop(Exit.UNREACHABLE, f"process {who} holds {home.lock_file}: check what it does")
        time.sleep(0.05)
    return stack


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
    deadline = time.monotonic() + _START_S
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
        said = _said(home.log_file("supervisor"), begin)
        return Stop(Exit.UNREACHABLE, f"the stack could not be started:\n{said}{logs}")
    late = "".join(f"  {row['service']}: {row['reason']}\n" for row in rows if not row["ready"])
    trying = f"late processes are restarted: see {home.command('status')}; {home.command('down')} ends it"
    return Stop(Exit.UNREACHABLE, f"the stack is not up after {_START_S:g} s:\n{late}{trying}; {logs}")


def _said(log: Path, begin: int, lines: int = 5) -> str:
    """The last messages of the supervisor."""
    with suppress(FileNotFoundError), log.open("rb") as written:
        written.seek(begin)
        said = written.read().decode(errors="replace").splitlines()
        return "".join(f"  {line}\n" for line in said[-lines:] if line)
    return ""
