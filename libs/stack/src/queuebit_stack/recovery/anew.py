"""Works on a home whose stack is down, and moves its data aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from queuebit_kernel import SystemClock, rfc3339
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import holder, take
from queuebit_stack.stack import Stack, take_down

__all__ = ["move_aside", "stopped"]


@contextmanager
def stopped(home: Home) -> Iterator[Stack]:
    """Lock the home, so that no process runs or starts in it.

    Raises:
        Stop: its stack runs.
    """
    lock = take(home.lock_file)
    if lock is None:
        who = holder(home.lock_file)
        raise Stop(
            Exit.REFUSED, f"process {who} runs the stack in {home.root}: end it first, with {home.command('down')}"
        )
    with lock:
        stack = Stack.load(home)
        if stack is None:
            stack = Stack("down", {}, {})
        if stack.in_containers:
            raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: restore its volumes")
        if stack.left:  # left by a killed supervisor
            take_down(home, stack)
        yield stack


def move_aside(home: Home, stack: Stack) -> Path:
    """Move the data away, so that the next start creates a new log; tenants, prices and logins stay."""
    aside = home.aside / rfc3339(SystemClock().now()).replace(":", "")
    aside.mkdir(mode=0o700, parents=True)
    moved = [
        home.jetstream,
        home.warehouse,
        home.provenance,
        home.trust_file,
        home.log_mark,
        home.recoveries,
        home.snapshots,
    ]
    for path in moved:
        if path.exists():
            path.rename(aside / path.name)
    home.prepare()
    Stack("down", stack.ports, {}).save(home)  # it gets its own keys, even if it was a copy
    return aside
