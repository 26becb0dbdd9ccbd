"""Copies of a home: a copy has the keys of its original, so only one of them may run."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.locks import holder
from queuebit_stack.stack import Stack

__all__ = ["require_alone"]


def require_alone(home: Home, stack: Stack, out: Output) -> None:
    """Warn if a home is a copy of another one.

    Raises:
        Stop: the stack of the original runs.
    """
    original = stack.original(home)
    if original is None:
        return
    there, here = quote(original.path), quote(str(home.root))
    if holder(Home(Path(original.path)).lock_file) is not None:
        raise Stop(
            Exit.REFUSED,
            f"{home.root} is a copy of {original.path}, whose stack runs: with the same keys, the two would sign two "
            f"different logs, and receipts of both would be worthless\nto use the copy instead: qb down --home "
            f"{there}\nto use it beside the original, with new keys and no jobs: qb recover --begin-anew --home {here}",
        )
    out.say(f"{home.root} is a copy of {original.path}: never run both, they have the same keys")
    if stack.state != "down":
        out.say(
            "it was copied while its stack ran, so its files may not match; if it does not start, "
            f"{home.command('recover')} lists what is missing; `qb backup DIR` makes a consistent copy"
        )
