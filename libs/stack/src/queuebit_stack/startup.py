"""The start of a stack up to its supervisor: whose turn it is, its ports, and its files."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import IO

from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import holder, take
from queuebit_stack.stack import Stack, take_down

__all__ = [
    "START_S",
    "grown",
    "last_words",
    "own",
    "prepare",
    "require_alone",
    "require_ports",
    "turn",
]


START_S = 90.0
"""The longest time that a start may take."""


_BIRTH_S = 10.0
"""The longest time from taking the lock to a running supervisor."""


def require_ports(home: Home, choice: str | None) -> None:
    """See that the default ports of a first start are free, before it creates anything.

    Raises:
        Stop: one is taken.
    """
    from queuebit_stack import ports

    if not home.initialised and choice != "auto":
        ports.fixed(way_out=_free_ports(home))


def turn(home: Home) -> IO[str] | None:
    """Take the lock to run this home's stack; None if the stack is up.

    Waits while another process starts or ends the stack.

    Raises:
        Stop: the other process makes no progress.
    """
    deadline = time.monotonic() + START_S
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


def own(home: Home) -> Stack | None:
    """The stack that `qb up` started here; None if there is none."""
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: see `docker compose ps`")
    return stack


def grown(home: Home) -> Stack | None:
    """The stack; waits for a stack that is just starting, until its supervisor runs."""
    deadline = time.monotonic() + _BIRTH_S
    while (stack := own(home)) is None or not stack.supervised:
        if (who := holder(home.lock_file)) is None:
            break
        if time.monotonic() > deadline:
            raise Stop(Exit.UNREACHABLE, f"process {who} holds {home.lock_file}: check what it does")
        time.sleep(0.05)
    return stack


def require_alone(home: Home, stack: Stack) -> list[str]:
    """What to warn of where a home is a copy of another one: it has the same keys, so only one of them may run.

    Raises:
        Stop: the stack of the original runs.
    """
    original = stack.original(home)
    if original is None:
        return []
    there, here = quote(original.path), quote(str(home.root))
    if holder(Home(Path(original.path)).lock_file) is not None:
        raise Stop(
            Exit.REFUSED,
            f"{home.root} is a copy of {original.path}, whose stack runs: with the same keys, the two would sign two "
            f"different logs, and receipts of both would be worthless\nto use the copy instead: qb down --home "
            f"{there}\nto use it beside the original, with new keys and no jobs: qb recover --begin-anew --home {here}",
        )
    warnings = [f"{home.root} is a copy of {original.path}: never run both, they have the same keys"]
    if stack.state != "down":
        warnings.append(
            "it was copied while its stack ran, so its files may not match; if it does not start, "
            f"{home.command('recover')} lists what is missing; `qb backup DIR` makes a consistent copy"
        )
    return warnings


def prepare(home: Home, previous: Stack | None, choice: str | None) -> dict[str, int]:
    """Write all that the processes of a stack read when they start; return their ports.

    Args:
        home: whose stack; this process holds its lock.
        previous: the stack that was there before. What a killed supervisor left of it is ended.
        choice: `default` or `auto` ports; None for those of the last start.

    Raises:
        Stop: a port is taken, or a file of the home breaks its rules.
    """
    from queuebit_stack import ports
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
    from queuebit_stack.process_specs import more_schedulers
    from queuebit_stack.stacks import find, save

    if previous is not None:
        take_down(home, previous)
    had = previous.ports if previous else {}
    stacks = find(home, starting=True)
    chosen = ports.with_executors(ports.choose(choice, had, _free_ports(home)), stacks.served, had)
    save(home, stacks)
    bootstrap(home)
    require_good(home)
    chosen = ports.with_processes(chosen, more_schedulers(home), had)
    first = first_tenants(home)
    write_nats_config(home, chosen, first)
    write_logins(home, first)
    if kept_tenants(home) is None:
        keep_tenants(home)  # what the broker begins with
    readdress(home, f"nats://127.0.0.1:{chosen['nats-server']}")
    return chosen


def last_words(log: Path, begin: int, lines: int = 5) -> str:
    """The last messages of the supervisor, from a position of its log on."""
    with suppress(FileNotFoundError), log.open("rb") as written:
        written.seek(begin)
        said = written.read().decode(errors="replace").splitlines()
        return "".join(f"  {line}\n" for line in said[-lines:] if line)
    return ""


def _free_ports(home: Home) -> str:
    """The command that starts the stack on ports that are free."""
    return home.command("up --ports auto")
