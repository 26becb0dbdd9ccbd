"""Positions of log and warehouse, and the rows that wait for their insert."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from queuebit_runtime.rows import Row

__all__ = ["PARTITION", "Buffer", "Head", "Position", "Summed"]

PARTITION = 10_000_000
"""Sequences in one partition of `events`; a batch is in one, so that an insert is one part."""


@dataclass(frozen=True, slots=True)
class Position:
    """The position of the warehouse."""

    generation: str
    """The generation of the table: changes with each rebuild."""
    seq: int
    """The last sequence in it; all earlier ones are in it too."""


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log at one moment."""

    first: int
    last: int
    messages: int


@dataclass(frozen=True, slots=True)
class Summed:
    """The position of the sums of cases."""

    events: Position
    """Of the table that they are made of."""
    through: int
    """The last sequence in the sums; all earlier ones are in them too."""
    sound: bool
    """Whether they are sums of this table, and lost nothing."""


class Buffer:
    """Rows in order of sequence, of bounded size."""

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._rows: deque[Row] = deque()
        self._bytes = 0
        self._max_rows = max_rows
        self._max_bytes = max_bytes

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Whether two batches wait already."""
        return len(self._rows) >= 2 * self._max_rows or self._bytes >= 2 * self._max_bytes

    @property
    def has_batch(self) -> bool:
        """Whether waiting longer would not make the next insert larger."""
        return len(self._rows) >= self._max_rows or self._bytes >= self._max_bytes

    @property
    def oldest(self) -> int | None:
        """When the first waiting row was stored."""
        return self._rows[0].stored_at if self._rows else None

    def add(self, row: Row) -> None:
        self._rows.append(row)
        self._bytes += len(row.data)

    def batch(self) -> list[Row]:
        """The next insert: at most a batch, in one partition, in order. The rows stay until `drop_through`."""
        taken: list[Row] = []
        size = 0
        for row in islice(self._rows, self._max_rows):
            size += len(row.data)
            if taken and (size > self._max_bytes or row.seq // PARTITION != taken[0].seq // PARTITION):
                break
            taken.append(row)
        return taken

    def drop_through(self, seq: int) -> None:
        """Drop rows that the warehouse has."""
        while self._rows and self._rows[0].seq <= seq:
            self._bytes -= len(self._rows.popleft().data)
