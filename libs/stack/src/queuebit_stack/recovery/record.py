"""Records which messages were restored and which are lost, so that the next recovery does not search for them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from queuebit_stack.files import read_json, write_private
from queuebit_stack.home import Home

__all__ = ["Recovery", "Run", "add", "lost", "recoveries", "runs"]

Run = tuple[int, int]
"""The first and the last of consecutive sequences."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One run of `qb recover` that changed the log."""

    at: str
    restored: tuple[Run, ...]
    lost: tuple[Run, ...]
    aside: str
    """The folder with the replaced files."""


def recoveries(home: Home) -> list[Recovery]:
    """All recoveries, oldest first."""
    return [_read(fields) for fields in (read_json(home.recoveries) or {}).get("recoveries", ())]


def add(home: Home, recovery: Recovery) -> None:
    """Append a recovery to the record."""
    documents = [asdict(it) for it in (*recoveries(home), recovery)]
    write_private(home.recoveries, json.dumps({"recoveries": documents}, indent=1) + "\n")


def lost(home: Home) -> set[int]:
    """Sequences that are known to be lost."""
    return {it for recovery in recoveries(home) for first, last in recovery.lost for it in range(first, last + 1)}


def runs(sequences: Iterable[int]) -> tuple[Run, ...]:
    """Ascending sequences as runs; duplicates count once."""
    found: list[list[int]] = []
    for sequence in sequences:
        if found and sequence <= found[-1][1] + 1:
            found[-1][1] = sequence
        else:
            found.append([sequence, sequence])
    return tuple((first, last) for first, last in found)


def _read(fields: dict[str, Any]) -> Recovery:  # JSON that this module wrote
    return Recovery(fields["at"], _runs(fields["restored"]), _runs(fields["lost"]), fields["aside"])


def _runs(pairs: Sequence[Sequence[int]]) -> tuple[Run, ...]:
    return tuple((int(first), int(last)) for first, last in pairs)
