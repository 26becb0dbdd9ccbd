"""Messages of the log as rows, and the rows that wait for their insert."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import orjson

__all__ = ["PARTITION", "Buffer", "Head", "Place", "Row", "row_of"]

PARTITION = 10_000_000
"""Sequences in one partition of `events`; a batch lies in one, because only then is an insert one part."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 1, 1, tzinfo=UTC)
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where the warehouse is."""

    generation: str
    """Which of its rebuilds the table is."""
    seq: int
    """The last sequence it holds; it holds everything before that too."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the log holds at one moment."""

    first: int
    last: int
    messages: int


class Row(NamedTuple):
    """One row of `events`; the fields are the columns that are sent."""

    seq: int
    stored_at: int
    """Microseconds since 1970, as all times here."""
    event_time: int
    event_id: str
    type: str
    source: str
    subject: str
    tenant: str
    job: str
    project: str
    account: str
    backend: str
    traceparent: str
    provenanceid: str
    data: bytes


def row_of(subject: str, body: bytes, sequence: int, stored_at: datetime) -> Row:
    """Read a message of the log; never fails.

    Tenant and job are the subject's, which permissions guard. A body that is no event, or one of another name than its
    subject says, is kept whole under an empty type: it counts, and no view believes it.
    """
    tenant = job = account = backend = verb = ""
    match subject.split("."):
        case ["qb", "job" | "command", tenant, job, verb, *_]:
            pass
        case ["qb", "account", tenant, account, verb, *qualifier]:
            job = "".join(qualifier)
        case ["qb", "reservation", tenant, _, verb, *_]:
            pass
        case ["qb", "backend", backend, verb, *_]:
            pass
        case ["qb", _, _, verb, *_]:
            pass
    stored = (stored_at - _EPOCH) // _MICROSECOND
    try:
        event = orjson.loads(body)
        moment = datetime.fromisoformat(event["time"])
        data = event["data"]
        if not (event["type"].split(".")[2] == verb and _EARLIEST < moment < _LATEST and isinstance(data, dict)):
            raise ValueError("an event of another subject or time")
        return Row(
            sequence,
            stored,
            (moment - _EPOCH) // _MICROSECOND,
            _text(event, "id"),
            event["type"],
            _name(event, "source"),
            subject,
            tenant,
            job or _name(data, "job"),
            _name(data, "project"),
            account,
            backend or _name(data, "backend"),
            _text(event, "traceparent"),
            _text(event, "provenanceid"),
            orjson.dumps(data),
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Row(sequence, stored, stored, "", "", "", subject, tenant, job, "", account, backend, "", "", body)


def _text(event: Mapping[str, Any], key: str) -> str:  # JSON that nobody validated
    value = event.get(key)
    return value if isinstance(value, str) else ""


def _name(data: Mapping[str, Any], key: str) -> str:  # as above
    value = _text(data, key)
    return value if len(value) <= _LONGEST_NAME else ""


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
        """Forget what the warehouse has."""
        while self._rows and self._rows[0].seq <= seq:
            self._bytes -= len(self._rows.popleft().data)
