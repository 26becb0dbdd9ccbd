"""Renders the verdicts of a verification."""

from __future__ import annotations

from queuebit_audit import PROMISES, Verdict
from queuebit_cli.output import Output

__all__ = ["print_verdicts"]

_SHOWN = 10
"""The most findings printed for one invariant; `--json` has all."""


def print_verdicts(out: Output, verdicts: list[Verdict]) -> None:
    """Print the verdict on each invariant."""
    if out.as_json:
        out.document([_document(verdict) for verdict in verdicts])
        return
    rows = [
        {
            "invariant": verdict.invariant,
            "promise": PROMISES[verdict.invariant],
            "checked": f"{verdict.checked} {verdict.of}",
            "verdict": "ok" if verdict.holds else "wrong",
        }
        for verdict in verdicts
    ]
    for line in out.lines(rows, fit=True):
        out.say(line)
    for verdict in verdicts:
        for note in verdict.notes:
            out.say(f"  {verdict.invariant} note: {note}")
        for finding in verdict.findings[:_SHOWN]:
            out.say(f"  {finding.invariant} {finding.subject}: {finding.text}")
        if (more := len(verdict.findings) - _SHOWN) > 0:
            out.say(f"  {verdict.invariant} and {more} more; `qb verify --json` has all")


def _document(verdict: Verdict) -> dict[str, object]:
    return {
        "invariant": verdict.invariant,
        "promise": PROMISES[verdict.invariant],
        "holds": verdict.holds,
        "checked": verdict.checked,
        "of": verdict.of,
        "findings": [{"subject": it.subject, "text": it.text} for it in verdict.findings],
        "notes": verdict.notes,
    }
