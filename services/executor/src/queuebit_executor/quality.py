"""The quality check of a result, before its job is said to have completed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import orjson

from queuebit_contracts.quality import Expected, Quality, QualityCheck, hellinger_fidelity
from queuebit_executor.finished import Finished

__all__ = ["quality_of"]


def quality_of(done: Finished, shots: int) -> Quality | None:
    """Check what a run returned.

    `shots`: the counts of the circuit sum to `shots`; those of each completed item of a program that has counts, to
    what was asked for that item, which may have shots of its own. The check shows the first that does not, else the
    first.

    `fidelity`: the counts of each completed item with a reference resemble it as much as its floor says. The check
    shows the item that is furthest below its floor, or least above it.

    Args:
        done: the result, as it will be stored.
        shots: what was asked for, of each circuit.

    Returns:
        The checks; None where there are no counts to check.
    """
    counted = [*_counted(done, shots)]
    if not counted:
        return None
    sums = [(sum(counts.values()), asked) for counts, asked, _ in counted]
    found, asked = next((it for it in sums if it[0] != it[1]), sums[0])
    checks = [QualityCheck(name="shots", passed=found == asked, value=found, limit=asked)]
    compared = [_compared(counts, expected) for counts, _, expected in counted if expected is not None]
    checks += sorted(compared, key=lambda it: it.value - it.limit)[:1]
    return Quality(passed=all(it.passed for it in checks), checks=tuple(checks))


def _compared(counts: dict[str, int], expected: Expected) -> QualityCheck:
    value, limit = (int(1_000_000 * it) for it in (hellinger_fidelity(counts, expected.reference), expected.floor))
    return QualityCheck(name="fidelity", passed=value >= limit, value=value, limit=limit)


def _counted(done: Finished, shots: int) -> Iterator[tuple[dict[str, int], int, Expected | None]]:
    """The counts of each circuit or item, what they should sum to, and what they should resemble."""
    content: dict[str, Any] = orjson.loads(done.content)  # JSON that this process wrote
    if done.items is None:
        yield content, shots, None
        return
    items = content["items"]
    wanted = zip(done.asked or repeat(shots, len(items)), done.expected or repeat(None, len(items)), strict=True)
    for item, (asked, expected) in zip(items, wanted, strict=True):
        if item["state"] == "completed" and item.get("counts") is not None:
            yield item["counts"], asked, expected
