"""I5: the warehouse's table of events and `LOG` hold the same, row by row."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from queuebit_cli.verify.findings import Verdict
from queuebit_cli.verify.state import UNKNOWN, History

__all__ = ["Rows", "one_truth"]


@dataclass(slots=True)
class Rows:
    """What the table holds, in order of sequence."""

    sequences: array[int] = field(default_factory=lambda: array("Q"))
    marks: array[int] = field(default_factory=lambda: array("Q"))
    """Of the event ids at the same places in `sequences`."""


def one_truth(history: History, rows: Rows) -> Verdict:
    """Compare row by row; runs of equal faults are told as one."""
    verdict = Verdict("I5", len(history.sequences), "events")
    if (history.sequences, history.marks) == (rows.sequences, rows.marks):
        return verdict
    kept = dict(zip(rows.sequences, rows.marks, strict=True))
    faults = {"is missing": array("Q"), "is another event than in LOG": array("Q")}
    for sequence, mark in zip(history.sequences, history.marks, strict=True):
        if sequence not in kept:
            faults["is missing"].append(sequence)
        elif UNKNOWN not in (mark, kept[sequence]) and mark != kept[sequence]:
            faults["is another event than in LOG"].append(sequence)
    known = set(history.sequences)
    last = history.sequences[-1] if history.sequences else 0
    faults["is not in LOG"] = array("Q", (it for it in kept if it not in known and it <= last))
    faults["is there more than once"] = array("Q", _repeated(rows.sequences))
    for fault, sequences in faults.items():
        for first, end in _runs(sequences):
            verdict.add("events", f"row {first} {fault}" if first == end else f"each of rows {first} to {end} {fault}")
    return verdict


def _repeated(sequences: array[int]) -> Iterator[int]:
    for at in range(1, len(sequences)):
        if sequences[at] == sequences[at - 1]:
            yield sequences[at]


def _runs(sequences: array[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring sequences as first and last of each run."""
    at = 0
    while at < len(sequences):
        end = at
        while end + 1 < len(sequences) and sequences[end + 1] - sequences[end] <= 1:
            end += 1
        yield sequences[at], sequences[end]
        at = end + 1
