"""`qb backup`: copies a home."""

from __future__ import annotations

import os
from argparse import Namespace
from shlex import quote

from queuebit.credentials import home_folder
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.backup import back_up
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

__all__ = ["backup"]


def backup(args: Namespace, out: Output) -> Exit:
    """Copy a home; its stack may run."""
    os.umask(0o077)
    home, target = Home(args.home), home_folder(args.folder)
    with Progress(out.as_json, f"copying {home.root}"):
        events = back_up(home, target)
    out.document({"folder": str(target), "events": events})
    out.say(f"{target} holds the log up to event {events} at least, and all keys but the master key")
    out.say("keep it as safe as the home, and a copy of the master key in another place: it cannot be read without it")
    out.say(f"to continue from it if the home is lost: qb up --home {quote(str(target))}")
    return Exit.DONE
