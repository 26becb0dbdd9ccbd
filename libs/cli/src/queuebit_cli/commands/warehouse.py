"""`qb warehouse rebuild`: the warehouse is a projection, so it can be made anew."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import Namespace

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.output import Output, Progress
from queuebit_cli.overview import overview
from queuebit_cli.roster import roster
from queuebit_cli.stack import Stack

__all__ = ["rebuild"]

_SETTLE_S = 2.0
"""The sink looks for new tables every second."""


def rebuild(args: Namespace, out: Output) -> Exit:
    """Forget every row, and wait until telemetry has read the log again from its start."""
    home = Home(args.home)
    home.require()
    stack = Stack.load(home)
    if stack is None or not stack.left:
        raise Stop(Exit.UNREACHABLE, f"the stack in {home.root} is down: start it with `qb up`")
    telemetry = next(spec for spec in roster(home, stack.ports) if spec.name == "telemetry")
    done = subprocess.run(
        [sys.executable, "-m", "queuebit_telemetry.rebuild"],
        env=dict(telemetry.env),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Stop(Exit.UNREACHABLE, (done.stderr or done.stdout).strip())
    begin = time.monotonic()
    with Progress(out.as_json) as progress:
        while (behind := _behind(home, stack)) is None or behind > 0 or time.monotonic() - begin < _SETTLE_S:
            progress.tell(f"{behind if behind is not None else '?'} events to go")
            time.sleep(0.2)
    seconds = round(time.monotonic() - begin, 1)
    out.document({"rebuilt": True, "seconds": seconds})
    out.say(f"the warehouse holds the whole log again, after {seconds} s")
    return Exit.DONE


def _behind(home: Home, stack: Stack) -> int | None:
    """Events that telemetry has yet to store; unknown while it does not answer."""
    row = next((row for row in overview(home, stack) if row["service"] == "telemetry"), None)
    return int(str(row["behind"])) if row is not None and row["ready"] else None
