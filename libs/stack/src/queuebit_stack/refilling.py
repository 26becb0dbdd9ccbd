"""Fills the warehouse again from the log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.finding import require_whole_log
from queuebit_stack.stack import Stack
from queuebit_stack.warehouse import query

__all__ = [
    "refill",
]


_LOOK_S = 0.2


_STALLED_S = 60.0
"""How long telemetry may store nothing before the wait ends."""


def refill(home: Home, stack: Stack, report: Callable[[str], None]) -> int:
    """Delete every row, and wait until telemetry has stored the log up to its current end; return that sequence.

    Args:
        home: whose stack.
        stack: the stack, which runs.
        report: gets a text about the progress, again and again.

    Raises:
        Stop: the log is damaged, the warehouse refuses, or telemetry stores nothing for a minute.
    """
    require_whole_log(home, stack)
    last = asyncio.run(_last_sequence(home))
    _forget(home, stack)
    _refilled(home, stack, last, report)
    return last


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


def _refilled(home: Home, stack: Stack, last: int, report: Callable[[str], None]) -> None:
    stored, moved = 0, time.monotonic()
    while stored < last:
        before, stored = stored, _stored(home, stack)
        if stored != before:
            moved = time.monotonic()
        elif time.monotonic() - moved > _STALLED_S:
            raise Stop(
                Exit.UNREACHABLE,
                f"the warehouse holds {stored} of {last} events, and no more for {_STALLED_S:g} s: see telemetry in "
                f"{stack.overview_command}; it continues by itself when telemetry is healthy",
            )
        report(f"filling the warehouse: {stored} of {last} events")
        time.sleep(_LOOK_S)


def _stored(home: Home, stack: Stack) -> int:
    """The last sequence in the warehouse; telemetry stores the log in order."""
    status, body = query(home, stack, "SELECT max(seq) FROM events")
    if status != 200:
        raise Stop(Exit.UNREACHABLE, f"the warehouse refuses: {body.decode(errors='replace').strip()[:300]}")
    return int(json.loads(body)["data"][0][0] or 0)


async def _last_sequence(home: Home) -> int:
    transport = operator_of(home)
    try:
        stream = json.loads((await transport.request("$JS.API.STREAM.INFO.LOG")).body)
    finally:
        await transport.close()
    return int(stream["state"]["last_seq"])
