"""`qb warehouse rebuild`: it is a projection, so it can be made anew; `qb warehouse login` is for other clients."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from argparse import Namespace

from queuebit.credentials import find
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.finding import require_whole_log
from queuebit_stack.stack import Stack, running_stack
from queuebit_stack.warehouse import member, query

__all__ = ["login", "rebuild"]

_LOOK_S = 0.2
_PATIENCE_S = 60.0
"""How long telemetry may store nothing before it is not waited for."""


def rebuild(args: Namespace, out: Output) -> Exit:
    """Forget every row, and wait until telemetry has read the log again to where it ends now."""
    home = Home(args.home)
    stack = running_stack(home)
    begin = time.monotonic()
    with Progress(out.as_json, "emptying the warehouse") as progress:
        require_whole_log(home, stack)
        last = asyncio.run(_last_sequence(home))
        _forget(home, stack)
        _refilled(home, stack, last, progress)
    seconds = round(time.monotonic() - begin, 1)
    out.document({"rebuilt": True, "seconds": seconds, "sequence": last})
    out.say(f"the warehouse holds the whole log again, {last} events, after {seconds} s")
    return Exit.DONE


def login(args: Namespace, out: Output) -> Exit:
    """Make a password with which any ClickHouse client reads the rows of one tenant, as `qb sql --tenant` does."""
    home = Home(args.home)
    url = running_stack(home).listens["warehouse"]
    one = member(find(home.root, args.tenant, args.user), args.hours * 3600)
    out.document({"url": url, "user": one.user, "password": one.password, "hours": args.hours})
    out.say(f"url       {url}\nuser      {one.user}\npassword  {one.password}")
    out.say(f"good for {args.hours} h, to read the rows of {one.user.partition('/')[0]} and nothing else")
    return Exit.DONE


def _forget(home: Home, stack: Stack) -> None:
    settings = {
        "QUEUEBIT_TELEMETRY_WAREHOUSE_URL": stack.listens["warehouse"],
        "QUEUEBIT_TELEMETRY_WAREHOUSE_PASSWORD_FILE": str(home.warehouse_password),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUEUEBIT_")}
    done = subprocess.run(
        [sys.executable, "-m", "queuebit_telemetry.rebuild"],
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Stop(Exit.UNREACHABLE, (done.stderr or done.stdout).strip())


def _refilled(home: Home, stack: Stack, last: int, progress: Progress) -> None:
    stored, moved = 0, time.monotonic()
    while stored < last:
        before, stored = stored, _stored(home, stack)
        if stored != before:
            moved = time.monotonic()
        elif time.monotonic() - moved > _PATIENCE_S:
            raise Stop(
                Exit.UNREACHABLE,
                f"the warehouse holds {stored} of {last} events, and no more for {_PATIENCE_S:g} s: see telemetry in "
                f"{stack.overview_command}; it goes on by itself once telemetry is well",
            )
        progress.tell(f"filling the warehouse: {stored} of {last} events")
        time.sleep(_LOOK_S)


def _stored(home: Home, stack: Stack) -> int:
    """Up to where the log is in the warehouse; telemetry stores it in order."""
    status, body = query(home, stack, "SELECT max(seq) FROM events")
    if status != 200:
        raise Stop(Exit.UNREACHABLE, f"the warehouse refuses: {body.decode(errors='replace').strip()[:300]}")
    return int(json.loads(body)["data"][0][0] or 0)


async def _last_sequence(home: Home) -> int:
    transport = operator_of(home)
    try:
        told = json.loads((await transport.request("$JS.API.STREAM.INFO.LOG")).body)
    finally:
        await transport.close()
    return int(told["state"]["last_seq"])
