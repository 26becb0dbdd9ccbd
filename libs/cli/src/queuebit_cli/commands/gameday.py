"""`qb gameday`: one fault on a scratch stack, and what became of it."""

from __future__ import annotations

import shutil
import signal
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_gameday.score import Check

__all__ = ["gameday"]


def gameday(args: Namespace, out: Output) -> Exit:
    """Play a game day, or list them: 0 if every check passed, else 1."""
    from queuebit_gameday.catalog import DAYS
    from queuebit_gameday.playing import play

    if args.name in (None, "list"):
        rows = [
            {"name": name, "title": it.title, "fault": it.fault, "runbook": it.runbook} for name, it in DAYS.items()
        ]
        out.rows(rows)
        return Exit.DONE
    if args.name not in DAYS:
        raise Stop(Exit.USAGE, f"there is no game day {args.name}: choose one of {', '.join(DAYS)}")
    day, folder = DAYS[args.name], Path(mkdtemp(prefix="qb-gameday-"))
    out.say(f"{day.title}: {day.fault}; it takes up to {day.minutes} minutes; a scratch stack starts in {folder}")

    def report(check: Check) -> None:
        mark = out.paint("ok    ", "good") if check.passed else out.paint("failed", "bad")
        after = "" if check.took_s is None else f"{check.took_s:6.1f} s"
        out.say(f"{mark}  {check.stage:<11} {after:>8}  {check.what}{f': {check.found}' if check.found else ''}")

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a time limit of CI, too, stops the scratch stack
    try:
        score = play(day, folder, report)
    except RuntimeError as error:
        raise Stop(Exit.JOB_FAILED, f"{error}\nits home is {folder}") from error
    except KeyboardInterrupt:
        raise Stop(Exit.INTERRUPTED, f"interrupted: the scratch stack is stopped, its home is {folder}") from None
    out.document(
        {
            "name": args.name,
            "passed": score.passed,
            "detected_s": score.took("detection"),
            "repaired_s": score.took("repair"),
            "checks": [asdict(it) for it in score.checks],
        }
    )
    good = sum(it.passed for it in score.checks)
    out.say(f"{good} of {len(score.checks)} checks passed; the runbook is {day.runbook}")
    if args.keep:
        out.say(f"its home is {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return Exit.DONE if score.passed else Exit.JOB_FAILED
