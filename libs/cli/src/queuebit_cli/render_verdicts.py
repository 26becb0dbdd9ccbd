"""Renders the verdicts of a verification."""

from __future__ import annotations

from queuebit_audit import PROMISES, Verdict
from queuebit_cli.output import Output

__all__ = ["print_verdicts"]

_SHOWN = 10
"""The most findings printed for one invariant; `--json` has all."""


def print_verdicts(out: Output, verdicts: list[Verdict]) -> None:
    """Print the verdict on each invariant."""
    out.document([verdict.document() for verdict in verdicts])
    rows = [
        {
            "invariant": verdict.invariant,
            "promise": PROMISES[verdict.invariant],
            "checked": f"{verdict.checked} {verdict.of}",
            "verdict": "ok" if verdict.holds else "wrong",
        }
        for verdict in verdicts
    ]
    out.table(rows, fit=True)
    for verdict in verdicts:
        for note in verdict.notes:
            out.say(f"  {verdict.invariant} note: {note}")
        for finding in verdict.findings[:_SHOWN]:
            out.say(f"  {finding.invariant} {finding.subject}: {finding.text}")
        if (more := len(verdict.findings) - _SHOWN) > 0:
            out.say(f"  {verdict.invariant} and {more} more; `qb verify --json` has all")
