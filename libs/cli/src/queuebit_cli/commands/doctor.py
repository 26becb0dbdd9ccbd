"""`qb doctor`: checks everything that can be wrong, and prints what to do."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence

from queuebit_cli.commands.packages import packages
from queuebit_cli.output import Output, shortened
from queuebit_cli.progress import Progress
from queuebit_cli.tables import Row
from queuebit_stack.checks import Findings, examine, settle
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

__all__ = ["doctor"]

_SUBJECT = 60
_SHOWN = 10
"""The most dead letters printed for people."""


def doctor(args: Namespace, out: Output) -> Exit:
    """Check the stack; replay or drop dead letters; or look at what is installed."""
    if args.sbom or args.advisories:
        return packages(args, out)
    home = Home(args.home)
    home.require()
    if args.replay or args.drop:
        with Progress(out.as_json, "asking the services"):
            rows = asyncio.run(settle(home, args.replay or args.drop, again=bool(args.replay)))
        out.rows(rows, none="no dead letters", shown=_settled_rows)
        return Exit.DONE if all(row["settled"] for row in rows) else Exit.JOB_FAILED
    with Progress(out.as_json, "checking the stack"):
        found = examine(home)
    _print(found, out)
    if not found.answers:
        return Exit.UNREACHABLE
    return Exit.JOB_FAILED if found.ill else Exit.DONE


def _print(found: Findings, out: Output) -> None:
    checks, letters = found.checks, [letter.document() for letter in found.letters]
    out.document({"healthy": not found.ill, "checks": checks, "dead_letters": letters})
    shown = [{**check, "found": check["found"] if check["state"] == "ok" else "see below"} for check in checks]
    out.table(shown, ("check", "state", "found"), fit=True)
    for check in checks:
        if check["state"] != "ok":
            out.say(f"\n{check['check']}: {check['found']}\n{check.get('do', '')}".rstrip())
    if letters:
        _print_letters(found, out)
    out.say(f"\n{found.ill} of {len(checks)} need attention" if found.ill else "\nall is well")


def _print_letters(found: Findings, out: Output) -> None:
    out.say()
    for letter in found.letters[:_SHOWN]:
        row = letter.document()
        out.say(f"{row['id']}  {row['owner']}  {row['fault']}  {letter.subject}")
        out.paragraph(str(row["reason"]), "   ")
    if (more := len(found.letters) - _SHOWN) > 0:
        out.say(f"and {more} more: `qb doctor --json` has all")
    out.say("\nafter fixing the cause: qb doctor --replay ID (or all); to delete one: qb doctor --drop ID")


def _settled_rows(rows: Sequence[Row]) -> Sequence[Row]:
    return [{**row, "subject": shortened(str(row["subject"]), _SUBJECT)} for row in rows]
