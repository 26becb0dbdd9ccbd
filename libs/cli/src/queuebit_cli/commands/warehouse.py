"""`qb warehouse rebuild` fills the warehouse again from the log; `qb warehouse login` is for other clients."""

from __future__ import annotations

import time
from argparse import Namespace

from queuebit.credentials import find
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.refilling import refill
from queuebit_stack.stack import running_stack
from queuebit_stack.warehouse import member

__all__ = ["login", "rebuild"]


def rebuild(args: Namespace, out: Output) -> Exit:
    """Delete every row, and wait until telemetry has stored the log up to its current end."""
    home = Home(args.home)
    stack = running_stack(home)
    begin = time.monotonic()
    with Progress(out.as_json, "emptying the warehouse") as progress:
        last = refill(home, stack, progress.update)
    seconds = round(time.monotonic() - begin, 1)
    out.document({"rebuilt": True, "seconds": seconds, "sequence": last})
    out.say(f"the warehouse holds the whole log again, {last} events, after {seconds} s")
    return Exit.DONE


def login(args: Namespace, out: Output) -> Exit:
    """Create a password for any ClickHouse client that reads the rows of one tenant, like `qb sql --tenant`."""
    home = Home(args.home)
    url = running_stack(home).listens["warehouse"]
    one = member(find(home.root, args.tenant, args.user), args.hours * 3600)
    out.document({"url": url, "user": one.user, "password": one.password, "hours": args.hours})
    out.say(f"url       {url}\nuser      {one.user}\npassword  {one.password}")
    out.say(f"valid for {args.hours} h, reads only the rows of {one.user.partition('/')[0]}")
    return Exit.DONE
