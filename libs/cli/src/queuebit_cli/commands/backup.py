"""`qb backup`: copies a home."""

from __future__ import annotations

import os
from argparse import Namespace
from shlex import quote

from queuebit.credentials import home_folder
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.backup import copy_home
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import known
from queuebit_stack.stack import Stack

__all__ = ["backup"]


def backup(args: Namespace, out: Output) -> Exit:
    """Copy a home; its stack may run."""
    os.umask(0o077)
    home, target = Home(args.home), home_folder(args.folder)
    home.require()
    stack = Stack.load(home)
    if stack is not None and stack.in_containers:
        raise Stop(Exit.REFUSED, f"a container engine runs the stack of {home.root}: back up its volumes")
    if target.exists():
        raise Stop(Exit.USAGE, f"{target} exists already: choose a folder that is not there yet")
    if target.is_relative_to(home.root.resolve()):
        raise Stop(Exit.USAGE, f"{target} is inside the home: choose a folder outside it")
    try:
        with Progress(out.as_json, f"copying {home.root}"):
            copy_home(home, target)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename or target} cannot be copied: {error.strerror}") from error
    mark = known(Home(target))
    events = mark.last if mark is not None else 0
    out.document({"folder": str(target), "events": events})
    out.say(f"{target} holds the log up to event {events} at least, and every key: keep it as safe as the home")
    out.say(f"to continue from it if the home is lost: qb up --home {quote(str(target))}")
    return Exit.DONE
