"""`qb verify`: whether the invariants hold."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_audit import Verdict

__all__ = ["verify"]

_SHOWN = 10
"""The most findings printed for one invariant; `--json` has all."""


def verify(args: Namespace, out: Output) -> Exit:
    """Check the invariants on the stack of the home.

    Raises:
        Stop: a part of the stack does not answer.
    """
    quick_start()
    from queuebit_audit import Sample, inspect, target_of
    from queuebit_kernel import Unavailable
    from queuebit_pricing import BadPriceBook

    try:
        sample = None if args.sample is None else Sample(args.sample, args.seed)
        work = inspect(target_of(args.home), args.wait, sample)
        verdicts = run(work, out, "reading the log, the warehouse and every receipt")
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot verify: {error}") from error
    _print(verdicts, out)
    return Exit.DONE if all(verdict.holds for verdict in verdicts) else Exit.JOB_FAILED


def _print(verdicts: list[Verdict], out: Output) -> None:
    out.document(documents := [verdict.document() for verdict in verdicts])
    rows = [
        {
            "invariant": it["invariant"],
            "promise": it["promise"],
            "checked": f"{it['checked']} {it['of']}",
            "verdict": "ok" if it["holds"] else "wrong",
        }
        for it in documents
    ]
    out.table(rows, fit=True)
    for verdict in verdicts:
        for note in verdict.notes:
            out.say(f"  {verdict.invariant} note: {note}")
        for finding in verdict.findings[:_SHOWN]:
            out.say(f"  {finding.invariant} {finding.subject}: {finding.text}")
        if (more := len(verdict.findings) - _SHOWN) > 0:
            out.say(f"  {verdict.invariant} and {more} more; `qb verify --json` has all")
