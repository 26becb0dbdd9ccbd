"""Decides whether two samples can be from one distribution."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

from tests.collections.runners import Run

__all__ = ["FAILURES", "VERDICTS", "Verdict", "distance", "judge", "judge_again", "tolerance"]

VERDICTS = {
    "same": "both ran, and their counts differ no more than two samples of one distribution do",
    "unmeasured": "the file measures nothing, so Queuebit refuses it; with all qubits measured, both are the same",
    "same steps": "no simulator ran both; Queuebit's circuit has the steps that a second reader finds, in their order",
    "disputed": "plain Qiskit has another distribution, and the interpreter of the specification that of Queuebit",
    "refused": "Queuebit refuses it, with the line, the column and the feature",
    "unplaced": "Queuebit refuses it, and does not say where",
    "wrong": "both ran, and their counts differ by more than chance",
    "crash": "Queuebit failed in another way",
    "time-out": "Queuebit took too long",
    "large": "Queuebit reads it; it is too large to be simulated here, and the second reader does not read it",
    "alone": "Queuebit ran what no reference could, so there is nothing to compare with",
    "neither": "both failed, took too long, or ran out of memory",
}
FAILURES = frozenset({"unplaced", "wrong", "crash", "time-out"})
"""Verdicts that are defects of Queuebit."""
_PLACED = re.compile(r"\bline \d+, column \d+")
_FALSE_ALARM = 1e-6
"""The probability of a false alarm per file."""
_RARE = 16
"""Outcomes with a smaller count in both samples together share cells."""
_SHARED_CELLS = 32


@dataclass(frozen=True)
class Verdict:
    """The verdict on one file."""

    path: str
    kind: str
    """One of `VERDICTS`."""
    detail: str = ""
    seconds: float = 0.0


def judge(
    path: str, ours: Run, theirs: Run, seconds: float, reference: str = "the reference", steps: Run | None = None
) -> Verdict:
    """Compare two runs of one file, or its steps if there are no two runs."""
    if ours.state == "refused":
        return Verdict(path, "refused" if _PLACED.search(ours.detail) else "unplaced", ours.detail, seconds)
    if steps is not None and steps.state in ("done", "differs"):
        kind = "same steps" if steps.state == "done" else "wrong"
        return Verdict(path, kind, f"{steps.detail}; {ours.state} {ours.detail}".strip(), seconds)
    failed = f"{reference}: {theirs.state} {theirs.detail}"
    if ours.state != "done":
        hopeless = ours.state in ("crash", "time-out") and theirs.state in ("crash", "time-out")
        also = f" ({failed})" if hopeless else ""
        return Verdict(path, "neither" if hopeless else ours.state, ours.detail + also, seconds)
    if theirs.state != "done":
        return Verdict(path, "alone", failed, seconds)
    apart, allowed = distance(ours.counts, theirs.counts)
    kind = "same" if ours.measures else "unmeasured"
    detail = f"total variation {apart:.3f}, up to {allowed:.3f} is chance ({reference})"
    return Verdict(path, kind if apart <= allowed else "wrong", detail, seconds)


def judge_again(verdict: Verdict, ours: Run, theirs: Run, reference: str) -> Verdict:
    """Let another reference judge where the first one has another distribution; nothing changes if it does not run."""
    if verdict.kind != "wrong" or not ours.state == theirs.state == "done":
        return verdict
    apart, allowed = distance(ours.counts, theirs.counts)
    if apart > allowed:
        return verdict
    return Verdict(verdict.path, "disputed", f"{verdict.detail}; {apart:.3f} ({reference})", verdict.seconds)


def distance(first: Mapping[str, int], second: Mapping[str, int]) -> tuple[float, float]:
    """Return the total variation between two samples over at most a bounded number of cells, and what chance allows.

    Frequent outcomes have a cell each; rare ones are spread over shared cells by a fixed hash, so that two samples of a
    wide distribution, which hardly share an outcome, still compare.
    """
    a, b = ({key.replace(" ", ""): count for key, count in sample.items()} for sample in (first, second))
    together = Counter(a) + Counter(b)
    cells: dict[str, list[int]] = {}
    for outcome, count in together.items():
        cell = outcome if count >= _RARE else f"rare {crc32(outcome.encode()) % _SHARED_CELLS}"
        sums = cells.setdefault(cell, [0, 0])
        sums[0] += a.get(outcome, 0)
        sums[1] += b.get(outcome, 0)
    m, n = sum(a.values()), sum(b.values())
    apart = math.fsum(abs(x / m - y / n) for x, y in cells.values()) / 2
    return apart, tolerance(len(cells), min(m, n))


def tolerance(cells: int, shots: int) -> float:
    """Return what the total variation of two samples of one distribution stays below, but for one case in a million.

    Its mean is at most sqrt(cells / (2 * shots)) by Cauchy and Schwarz, and one shot moves it by at most 1 / shots, so
    by McDiarmid's inequality it exceeds its mean by t with probability at most exp(-shots * t**2).
    """
    if cells == 1:
        return 0.0
    return math.sqrt(cells / (2 * shots)) + math.sqrt(-math.log(_FALSE_ALARM) / shots)
