"""What was recovered in a home, and what was lost for good, so that the next recovery does not look for it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home

__all__ = ["Recovery", "Run", "add", "lost", "recoveries", "runs"]

Run = tuple[int, int]
"""The first and the last of sequences in a row."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One run of `qb recover` that changed the log."""

    at: str
    restored: tuple[Run, ...]
    lost: tuple[Run, ...]
    aside: str
    """The folder that holds the files as they were."""


def recoveries(home: Home) -> list[Recovery]:
    """All of them, oldest first."""
    return [_read(told) for told in (read_json(home.recoveries) or {}).get("recoveries", ())]


def add(home: Home, recovery: Recovery) -> None:
    """Write one more down."""
    told = [asdict(it) for it in (*recoveries(home), recovery)]
    write_private(home.recoveries, json.dumps({"recoveries": told}, indent=1) + "\n")


def lost(home: Home) -> set[int]:
    """Sequences that are known to hold nothing any more."""
    return {it for recovery in recoveries(home) for first, last in recovery.lost for it in range(first, last + 1)}


def runs(sequences: Iterable[int]) -> tuple[Run, ...]:
    """Rising sequences as runs; one that is there twice counts once."""
    found: list[list[int]] = []
    for sequence in sequences:
        if found and sequence <= found[-1][1] + 1:
            found[-1][1] = sequence
        else:
            found.append([sequence, sequence])
    return tuple((first, last) for first, last in found)


def _read(told: dict[str, Any]) -> Recovery:  # JSON that this module wrote
    return Recovery(told["at"], _runs(told["restored"]), _runs(told["lost"]), told["aside"])


def _runs(told: Sequence[Sequence[int]]) -> tuple[Run, ...]:
    return tuple((int(first), int(last)) for first, last in told)
