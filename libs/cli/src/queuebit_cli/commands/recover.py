"""`qb recover`: restores a damaged log, or starts a new one."""

from __future__ import annotations

import os
from argparse import Namespace
from shlex import quote

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home
from queuebit_stack.recovery.anew import move_aside, stopped
from queuebit_stack.stack import Stack

__all__ = ["recover"]

_LISTED = 20


def recover(args: Namespace, out: Output) -> Exit:
    """Restore messages, and record lost ones; the stack must be down."""
    os.umask(0o077)
    home = Home(args.home)
    home.require()
    with stopped(home) as stack:
        if args.begin_anew:
            return _begin_anew(home, stack, out)
        return _mend(home, stack, out, give_up=args.give_up)


def _mend(home: Home, stack: Stack, out: Output, *, give_up: bool) -> Exit:
    from queuebit_stack.recovery.repair import repair

    with Progress(out.as_json, "examining the log") as progress:
        outcome = repair(home, stack, progress.update, give_up=give_up)
    rows = outcome.messages()
    document = {"end": outcome.end, "restored": outcome.restored, "lost": outcome.lost, "aside": outcome.aside}
    out.document({**document, "messages": rows})
    if not outcome.restored and not outcome.lost:
        out.say(f"the log is whole: {outcome.end} events; {home.command('up')} starts the stack")
        return Exit.DONE
    out.say(f"of {outcome.end} events, {len(outcome.restored)} were restored, {len(outcome.lost)} are lost")
    out.table(rows[:_LISTED], fit=True)
    if (more := len(outcome.restored) + len(outcome.lost) - len(rows)) > 0:
        out.say(f"and {more} more: {home.recoveries} has the sequences of all")
    if outcome.lost:
        out.say(f"lost events are listed in {home.recoveries}; their jobs may stay unfinished")
    out.say(f"the replaced files are in {outcome.aside}")
    out.say(f"next: {home.command('up')}, then {home.command('verify')}")
    return Exit.DONE


def _begin_anew(home: Home, stack: Stack, out: Output) -> Exit:
    aside = move_aside(home, stack)
    out.document({"begun_anew": True, "aside": str(aside)})
    out.say(f"all jobs, money, receipts and the keys that signed them are now in {aside}")
    out.say(f"keep {quote(str(aside / home.trust_file.name))} for receipts that were issued")
    out.say(f"next: {home.command('up')}")
    return Exit.DONE
