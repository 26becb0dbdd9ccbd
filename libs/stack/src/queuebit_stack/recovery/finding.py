"""Describes the messages that a running stack's log lacks."""

from __future__ import annotations

import asyncio

from queuebit_kernel import Unavailable
from queuebit_runtime.rows import Row
from queuebit_runtime.secrets import read_secret
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.reading import read_log
from queuebit_stack.recovery.record import lost, runs
from queuebit_stack.recovery.restoring import Archive
from queuebit_stack.stack import Stack

__all__ = ["damage", "repair_hint", "require_whole_log"]

_NAMED = 5


def damage(home: Home, stack: Stack) -> tuple[int, str]:
    """The number of unreadable messages, without those given up, and a sentence about the log.

    Raises:
        Unavailable: the log cannot be read to its end.
    """
    given_up = lost(home)
    reading = asyncio.run(read_log(stack.listens["nats-server"], read_secret(home.seed_file("operator"))))
    missing = [sequence for sequence in reading.missing if sequence not in given_up]
    if missing:
        named = ", ".join(_named(home, stack, missing[:_NAMED]))
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        return len(missing), f"{len(missing)} of {reading.last} stored messages cannot be read: {named}{more}"
    gone = f", of which {len(given_up)} are lost: {home.recoveries}" if given_up else ""
    return 0, f"{reading.last} events{gone}"


def repair_hint(home: Home) -> str:
    """The commands that repair the log."""
    return f"{home.command('down')}, then {home.command('recover')}: it restores them from the warehouse"


def require_whole_log(home: Home, stack: Stack) -> None:
    """Raise `Stop` if the log lacks messages: other copies are then needed to restore it."""
    try:
        count, found = damage(home, stack)
    except Unavailable as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
    if count:
        raise Stop(Exit.REFUSED, f"{found}\nthe warehouse may hold the only copy: {repair_hint(home)}")


def _named(home: Home, stack: Stack, missing: list[int]) -> list[str]:
    """Each sequence, with its event if the warehouse has it."""
    try:
        rows = {row.seq: row for row in Archive(home, stack).rows(runs(missing))}
    except Stop:
        rows = {}
    return [f"sequence {sequence}{_what(rows.get(sequence))}" for sequence in missing]


def _what(row: Row | None) -> str:
    if row is None:
        return " (not in the warehouse)"
    job = f" of job {row.job}" if row.job else ""
    tenant = f", tenant {row.tenant}" if row.tenant else ""
    return f" ({row.type or row.subject}{job}{tenant})"
