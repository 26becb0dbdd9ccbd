"""I7: an isolated backend gets no placement until it is readmitted, in the order of the log."""

from __future__ import annotations

from queuebit_audit.report import Verdict
from queuebit_audit.state import History

__all__ = ["isolation_holds"]


def isolation_holds(history: History) -> Verdict:
    """Judge all placements; those of probes may be on isolated backends, since a passed probe readmits them."""
    verdict = Verdict("I7", history.placements, "placements")
    for subject, text in history.misplaced:
        verdict.add(subject, text)
    if history.isolations:
        now = f"; isolated now: {', '.join(sorted(history.isolated))}" if history.isolated else ""
        verdict.notes.append(f"backends were isolated {history.isolations} times{now}")
    return verdict
