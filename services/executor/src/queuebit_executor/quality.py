"""The quality check of a result, before its job is said to have completed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import orjson

from queuebit_contracts.quality import Quality, QualityCheck
from queuebit_executor.finished import Finished

__all__ = ["quality_of"]


def quality_of(done: Finished, shots: int) -> Quality | None:
    """Check what a run returned.

    `shots`: the counts of the circuit sum to `shots`; those of each completed item of a program that has counts, to
    what was asked for that item, which may have shots of its own. The check shows the first that does not, else the
    first.

    Args:
        done: the result, as it will be stored.
        shots: what was asked for, of each circuit.

    Returns:
        The checks; None where there are no counts to check.
    """
    sums = [*_sums(done, shots)]
    if not sums:
        return None
    found, asked = next((it for it in sums if it[0] != it[1]), sums[0])
    check = QualityCheck(name="shots", passed=found == asked, value=found, limit=asked)
    return Quality(passed=check.passed, checks=(check,))


def _sums(done: Finished, shots: int) -> Iterator[tuple[int, int]]:
    """The sum of the counts of each circuit or item, and what it should be."""
    content: dict[str, Any] = orjson.loads(done.content)  # JSON that this process wrote
    if done.items is None:
        yield sum(content.values()), shots
        return
    items = content["items"]
    for item, asked in zip(items, done.asked or repeat(shots, len(items)), strict=True):
        if item["state"] == "completed" and item.get("counts") is not None:
            yield sum(item["counts"].values()), asked
