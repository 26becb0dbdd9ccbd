"""`qb up`, `qb down`, `qb status`."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from queuebit_cli.live import Live
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_secrets import default_file
from queuebit_stack.encryption import prepare_master_key
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.overview import columns, overview, remarks
from queuebit_stack.stack import Stack, take_down
from queuebit_stack.start import append_to, in_background, supervise
from queuebit_stack.startup import grown, own, prepare, require_alone, require_ports, turn

__all__ = ["down", "status", "up"]

_KEY_MADE = """\
made the master key {}, with which all stored data are encrypted: keep a copy of it in another place
"""


def up(args: Namespace, out: Output) -> Exit:
    """Start the stack, and keep it running here or in the background."""
    os.umask(0o077)
    home = Home(args.home)
    require_ports(home, args.ports)
    home.prepare()
    with Progress(out.as_json, "another `qb` is starting or ending the stack"):
        lock = turn(home)
    if lock is None:
        stack = Stack.load(home)
        return _is_up(home, overview(home, stack) if stack else [], out, already=True)
    if (previous := own(home)) is not None:
        for warning in require_alone(home, previous):
            out.say(warning)
    if prepare_master_key(home):
        out.say(_KEY_MADE.format(default_file(os.environ)))
    ports = prepare(home, previous, args.ports)
    if not args.detach:
        return _in_foreground(home, ports, out)
    start = in_background(home, ports, lock)
    try:
        with Progress(out.as_json, "starting", after_s=0) as progress:
            rows = start.wait(progress.update)
    except KeyboardInterrupt:
        text = f"interrupted; the stack still starts: see {home.command('status')}; {home.command('down')} ends it"
        raise Stop(Exit.INTERRUPTED, text) from None
    return _is_up(home, rows, out, already=False)


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
        out.table(rows, columns(rows), fit=True)
        wrong = [*remarks(rows), *wrong]
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


def _in_foreground(home: Home, ports: dict[str, int], out: Output) -> Exit:
    out.say(f"starting in {home.root}; Ctrl-C ends it")
    if sys.stdout.isatty() and not out.as_json:
        supervise(home, ports, append_to(home.log_file("supervisor")), Live(out))
    else:
        supervise(home, ports, out.say)
    out.say(f"\nstopped; data stays in {home.root}")
    return Exit.DONE


def _is_up(home: Home, rows: list[dict[str, object]], out: Output, *, already: bool) -> Exit:
    out.document({"home": str(home.root), "state": "up", "already": already, "services": rows})
    if already:
        out.say(f"the stack in {home.root} is already up")
    out.table(rows, ("service", "listens", "ready", "reason") if already else ("service", "listens", "ready"))
    if not already:
        out.say(f"\nup in {home.root}; next: {home.command('submit FILE.qasm --wait').strip('`')}")
    return Exit.DONE
