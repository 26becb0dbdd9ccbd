"""`qb up`, `qb down`, `qb status`."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import IO

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.output import Output, Progress
from queuebit_cli.overview import COLUMNS, overview
from queuebit_cli.stack import CONTAINERS, Stack, take_down, wait_until

__all__ = ["down", "status", "up"]

_START_S = 90.0


def up(args: Namespace, out: Output) -> Exit:
    """Start the stack, and keep it running here or in the background."""
    os.umask(0o077)
    home = Home(args.home)
    home.prepare()
    lock = _lock(home)
    if lock is None:
        return _already(home, out)
    from queuebit_cli import ports
    from queuebit_cli.process import rotate

    previous = _own(home)
    if previous is not None:
        take_down(home, previous)  # what a supervisor that was killed left behind
    chosen = ports.auto(previous.ports if previous else {}) if args.ports == "auto" else ports.fixed()
    if not args.detach:
        out.say(f"starting in {home.root}; Ctrl-C ends it")
        return _supervise(home, chosen, out, live=sys.stdout.isatty() and not out.as_json)
    Stack("starting", chosen, {}).save(home)
    rotate(home.log_file("supervisor"))
    if os.fork() == 0:
        os._exit(_in_background(home, chosen))
    lock.close()
    return _await(home, out)


def down(args: Namespace, out: Output) -> Exit:
    """End exactly what `qb up` started."""
    home = Home(args.home)
    stack = _own(home)
    if stack is None or not (stack.supervised or stack.left):
        out.document({"stopped": []})
        out.say(f"nothing is running in {home.root}")
        return Exit.DONE
    with Progress(out.as_json) as progress:
        progress.tell("stopping")
        stopped = take_down(home, stack)
    out.document({"stopped": stopped})
    out.say(f"stopped {len(stopped)} processes; data stays in {home.root}")
    return Exit.DONE


def status(args: Namespace, out: Output) -> Exit:
    """Say what is healthy, ready, and how far behind."""
    home = Home(args.home)
    home.require()
    stack = _own(home)
    rows = overview(stack) if stack else []
    ready = bool(rows) and all(row["ready"] for row in rows)
    state = "down" if stack is None or not (stack.supervised or stack.left) else "up" if ready else stack.state
    out.document({"home": str(home.root), "state": state, "ready": ready, "services": rows})
    if state == "down":
        out.say(f"the stack in {home.root} is down: start it with `qb up`")
        return Exit.UNREACHABLE
    for line in out.lines(rows, COLUMNS):
        out.say(line)
    if stack is not None and not stack.supervised:
        out.say("nobody supervises these processes: `qb up` starts the stack afresh on the same data")
    return Exit.DONE if ready else Exit.UNREACHABLE


def _own(home: Home) -> Stack | None:
    """The stack that `qb up` started here, if ever."""
    stack = Stack.load(home)
    if stack is not None and stack.state == CONTAINERS:
        raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: ask `docker compose ps`")
    return stack


def _lock(home: Home) -> IO[str] | None:
    """The right to run this home's stack, which ends with the process that holds it."""
    lock = home.lock_file.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _already(home: Home, out: Output) -> Exit:
    stack = wait_until(home, _START_S)
    rows = overview(stack)
    out.document({"home": str(home.root), "state": stack.state, "already": True, "services": rows})
    out.say(f"the stack in {home.root} is already {stack.state}")
    for line in out.lines(rows, ("service", "listens", "ready", "reason")):
        out.say(line)
    return Exit.DONE


def _supervise(home: Home, chosen: dict[str, int], out: Output, *, live: bool) -> Exit:
    from queuebit_cli.founding import found, write_nats_config
    from queuebit_cli.roster import roster
    from queuebit_cli.supervisor import Supervisor
    from queuebit_cli.topology_setup import lay_out

    found(home)
    write_nats_config(home, chosen)
    home.jetstream.mkdir(mode=0o700, exist_ok=True)
    supervisor = Supervisor(home, chosen, roster(home, chosen))
    from queuebit_cli.live import Live, announce

    supervisor.run(lambda: lay_out(home, chosen), Live(out) if live else announce(out))
    out.say(f"\nstopped; data stays in {home.root}")
    return Exit.DONE


def _in_background(home: Home, chosen: dict[str, int]) -> int:
    os.setsid()
    log = os.open(home.log_file("supervisor"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, number)
    try:
        return int(_supervise(home, chosen, Output(as_json=False), live=False))
    except Stop as error:
        print(error, file=sys.stderr, flush=True)
        Stack("down", chosen, {}).save(home)
        return int(error.code)


def _await(home: Home, out: Output) -> Exit:
    deadline = time.monotonic() + _START_S
    rows: list[dict[str, object]] = []
    with Progress(out.as_json) as progress:
        while (stack := wait_until(home, 0)).state == "starting" and time.monotonic() < deadline:
            rows = overview(stack) if stack.processes else []
            progress.tell(f"starting: {sum(bool(row['ready']) for row in rows)} of {len(rows)} ready")
            time.sleep(0.1)
    if stack.state != "up":
        late = ", ".join(f"{row['service']} ({row['reason']})" for row in rows if not row["ready"])
        raise Stop(
            Exit.UNREACHABLE,
            f"the stack did not come up{': ' + late if late else ''}\n{_tail(home.log_file('supervisor'))}"
            f"logs are in {home.root / 'logs'}; `qb down` clears up",
        )
    rows = overview(stack)
    out.document({"home": str(home.root), "state": "up", "already": False, "services": rows})
    for line in out.lines(rows, ("service", "listens", "ready")):
        out.say(line)
    out.say(f"\nup in {home.root}; next: qb submit FILE.qasm --wait")
    return Exit.DONE


def _tail(log: Path, lines: int = 5) -> str:
    try:
        return "".join(f"  {line}\n" for line in log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
