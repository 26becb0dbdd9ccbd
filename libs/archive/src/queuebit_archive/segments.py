"""The format of a segment: messages of a range of sequences as one Parquet file, exactly as the log had them.

Any reader of Parquet can read it. The metadata of the file names the digest of the segment before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from queuebit_kernel import Fault

__all__ = ["Damaged", "Message", "decode", "encode"]

_PREVIOUS = b"queuebit.previous"
_GROUP = 4096
"""Messages of a row group; a reader of one message reads this many."""
_COLUMNS = pa.schema(
    [
        pa.field("sequence", pa.uint64(), nullable=False),
        pa.field("stored_ns", pa.int64(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("headers", pa.binary(), nullable=True),
        pa.field("body", pa.binary(), nullable=False),
    ]
)


class Damaged(Fault):
    """A segment is not what was written: restore its file from another copy."""

    code = "archive_damaged"


class Message(NamedTuple):
    """A message as the log stored it."""

    sequence: int
    stored_ns: int
    """When it was stored: nanoseconds since 1970."""
    subject: str
    headers: bytes | None
    """The block of headers as NATS sends it; None if it has none."""
    body: bytes


def encode(messages: Sequence[Message], previous: str) -> bytes:
    """The file of some messages, which names the digest of the segment before them; empty for the first."""
    columns = {name: [it[place] for it in messages] for place, name in enumerate(_COLUMNS.names)}
    schema = _COLUMNS.with_metadata({_PREVIOUS: previous.encode()})
    sink = pa.BufferOutputStream()
    table = pa.table(columns, schema=schema)
    pq.write_table(table, sink, compression="zstd", row_group_size=_GROUP, write_page_checksum=True)
    return bytes(sink.getvalue())


def decode(content: bytes) -> tuple[list[Message], str]:
    """The messages of a file, and the digest of the segment before.

    Raises:
        Damaged: it is no segment.
    """
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
        if not table.schema.equals(_COLUMNS):
            raise Damaged("its columns are not those of a segment")
        previous = (table.schema.metadata or {})[_PREVIOUS].decode()
        return [*map(Message._make, zip(*(it.to_pylist() for it in table.columns), strict=True))], previous
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Damaged(f"it cannot be read: {error}") from error
