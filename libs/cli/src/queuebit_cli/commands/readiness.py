"""`qb readiness`: the checklists before production and in production, and what is missing."""

from __future__ import annotations

from argparse import Namespace

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit
from queuebit_stack.home import Home

__all__ = ["readiness"]

_TITLES = {"before": "before production", "production": "in production"}


def readiness(args: Namespace, out: Output) -> Exit:
    """Run both checklists, or one: 0 if nothing is missing, else 1."""
    quick_start()
    from queuebit_stack.readiness import judge
    from queuebit_stack.readiness_look import look

    home = Home(args.home)
    home.require()
    with Progress(out.as_json, "looking at the stack"):
        items = [it for it in judge(look(home)) if args.stage in (None, it.stage)]
    ready = all(it.state == "ok" for it in items)
    out.document({"ready": ready, "items": [it._asdict() for it in items]})
    for stage, title in _TITLES.items():
        if rows := [{"check": it.check, "state": it.state, "found": it.found} for it in items if it.stage == stage]:
            out.say(title)
            out.table(rows, fit=True)
            out.say()
    for it in items:
        if it.do:
            out.paragraph(f"{it.check}: {it.do}")
    missing = sum(it.state != "ok" for it in items)
    out.say("ready" if ready else f"{missing} of {len(items)} are missing or unknown")
    return Exit.DONE if ready else Exit.JOB_FAILED
