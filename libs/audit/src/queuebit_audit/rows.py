"""I5: the warehouse's table of events equals `LOG`, row by row and column by column."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_stack.recovery.record import runs

__all__ = ["Rows", "one_truth"]


@dataclass(slots=True)
class Rows:
    """The rows of the table, in order of sequence."""

    sequences: array[int] = field(default_factory=lambda: array("Q"))
    marks: array[int] = field(default_factory=lambda: array("Q"))
    """A mark of each row's content, in the order of `sequences`."""
    altered: array[int] = field(default_factory=lambda: array("Q"))
    """Sequences of rows whose derived columns, such as the charge, do not follow from the row's data."""
    views: list[str] = field(default_factory=list)
    """Views whose query differs from the one in the contracts."""


def one_truth(history: History, rows: Rows) -> Verdict:
    """Compare row by row; consecutive equal faults are one finding."""
    verdict = Verdict("I5", len(history.sequences), "events")
    for view in rows.views:
        verdict.add(
            view, f"the view {view} has a query that differs from the contracts: restart telemetry, which replaces it"
        )
    for fault, sequences in {
        **_differences(history, rows),
        "has derived columns that do not follow from its data": rows.altered,
    }.items():
        for first, end in runs(sequences):
            verdict.add("events", f"row {first} {fault}" if first == end else f"each of rows {first} to {end} {fault}")
    for name, count in history.unknown.most_common():
        verdict.notes.append(f"{count} events are of type {name}, which this version does not know")
    if not verdict.holds:
        verdict.notes.append("`qb warehouse rebuild` fills the warehouse again from LOG")
    return verdict


def _differences(history: History, rows: Rows) -> dict[str, array[int]]:
    """Sequences by the fault of their rows."""
    if (history.sequences, history.marks) == (rows.sequences, rows.marks):
        return {}
    kept = dict(zip(rows.sequences, rows.marks, strict=True))
    faults = {"is missing": array("Q"), "does not hold what LOG holds": array("Q")}
    for sequence, mark in zip(history.sequences, history.marks, strict=True):
        if sequence not in kept:
            faults["is missing"].append(sequence)
        elif mark != kept[sequence]:
            faults["does not hold what LOG holds"].append(sequence)
    known = set(history.sequences)
    last = history.sequences[-1] if history.sequences else 0
    faults["is not in LOG"] = array("Q", (it for it in kept if it not in known and it <= last))
    faults["is there more than once"] = array("Q", _repeated(rows.sequences))
    return faults


def _repeated(sequences: array[int]) -> Iterator[int]:
    for at in range(1, len(sequences)):
        if sequences[at] == sequences[at - 1]:
            yield sequences[at]
