"""Rebuilds messages of the log from rows of the warehouse's table `events`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from queuebit_kernel import rfc3339
from queuebit_runtime.rows import Row, row_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.blocks import Record
from queuebit_stack.recovery.record import Run
from queuebit_stack.stack import Stack
from queuebit_stack.warehouse import query

__all__ = ["Archive", "record_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 2000
_NO_TABLE = b"UNKNOWN_TABLE"

_ROWS = """
SELECT seq, toUnixTimestamp64Micro(stored_at), toUnixTimestamp64Micro(event_time), event_id, type, source, subject,
    tenant, job, project, account, backend, traceparent, provenanceid, base64Encode(data)
FROM events FINAL
WHERE seq >= {first:UInt64} AND seq <= {last:UInt64}
ORDER BY seq
LIMIT {limit:UInt32}
"""
_LAST = "SELECT max(seq) FROM events"


def record_of(row: Row, recovered_at: str) -> Record | None:
    """The message of a row, at its sequence and time; None if the rebuilt message would give another row."""
    body = row.data if not row.type else _document(row)
    stored = _EPOCH + timedelta(microseconds=row.stored_at)
    if row_of(row.subject, body, row.seq, stored) != row:
        return None
    headers = f"NATS/1.0\r\nQb-Recovered: {recovered_at}\r\n\r\n".encode()
    return Record(row.seq, row.stored_at * 1000, row.subject, headers, body)


def _document(row: Row) -> bytes:
    moment = rfc3339(_EPOCH + timedelta(microseconds=row.event_time))
    event = {"specversion": "1.0", "id": row.event_id, "source": row.source, "type": row.type, "time": moment}
    event["datacontenttype"] = "application/json"
    event |= {name: value for name in ("traceparent", "provenanceid") if (value := getattr(row, name))}
    head = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return head[:-1] + b',"data":' + row.data + b"}"


@dataclass(frozen=True, slots=True)
class Archive:
    """The running warehouse of a home."""

    home: Home
    stack: Stack

    def last(self) -> int:
        """The last sequence in the warehouse; 0 if it has no events."""
        found = self._ask(_LAST)
        return int(found[0][0] or 0) if found else 0

    def rows(self, runs: Sequence[Run]) -> Iterator[Row]:
        """Rows of the given sequences, ascending."""
        for first, last in runs:
            after = first
            while after <= last:
                found = [_row(it) for it in self._ask(_ROWS, first=str(after), last=str(last), limit=str(_CHUNK))]
                yield from found
                after = found[-1].seq + 1 if len(found) == _CHUNK else last + 1

    def _ask(self, sql: str, **parameters: str) -> Sequence[Sequence[str]]:
        status, body = query(self.home, self.stack, sql, **parameters)
        if status == 200:
            rows: Sequence[Sequence[str]] = json.loads(body)["data"]
            return rows
        if _NO_TABLE in body:
            return []
        raise Stop(Exit.UNREACHABLE, f"the warehouse refuses: {body.decode(errors='replace').strip()[:300]}")


def _row(cells: Sequence[str]) -> Row:
    seq, stored_at, event_time, *texts, data = cells
    values = (int(seq), int(stored_at), int(event_time), *texts, base64.b64decode(data))
    return Row._make(values)
