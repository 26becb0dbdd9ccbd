"""`qb verify`: whether the invariants hold on a stack, from its own records and from nothing else."""

from __future__ import annotations

from pathlib import Path

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.verify.findings import SAYS, Finding, Verdict
from queuebit_cli.verify.inspection import inspect
from queuebit_cli.verify.stand import stand_of
from queuebit_kernel import Unavailable
from queuebit_pricing import BadPriceBook

__all__ = ["Finding", "Verdict", "main"]

_WAIT_S = 30.0
"""How long unfinished work is waited for, unless the caller says otherwise."""

_SHOWN = 10
"""Findings of one invariant that people are shown; `--json` has all."""


def main(home: Path, as_json: bool, wait_s: float = _WAIT_S) -> int:
    """Verify the stack of a home and print the verdicts; return 0 when all hold, 1 when one does not.

    Raises:
        Stop: a part of the stack does not answer, so that nothing can be said.
    """
    out = Output(as_json=as_json)
    try:
        verdicts = run(inspect(stand_of(home), wait_s), out, "reading the log, the warehouse and every receipt")
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot verify: {error}") from error
    _print(out, verdicts)
    return 0 if all(verdict.holds for verdict in verdicts) else 1


def _print(out: Output, verdicts: list[Verdict]) -> None:
    if out.as_json:
        out.document([_document(verdict) for verdict in verdicts])
        return
    rows = [
        {
            "invariant": verdict.invariant,
            "promise": SAYS[verdict.invariant],
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
        "promise": SAYS[verdict.invariant],
        "holds": verdict.holds,
        "checked": verdict.checked,
        "of": verdict.of,
        "findings": [{"subject": it.subject, "text": it.text} for it in verdict.findings],
        "notes": verdict.notes,
    }
