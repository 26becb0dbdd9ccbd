"""The files in which nats-server 2.x keeps the messages of a stream: reading what is whole, writing what is missing.

A block is a row of records. A record is, in little-endian order: its length (4 bytes; the highest bit says that there are
headers), the sequence (8; the highest bit says that the message was deleted), the time in nanoseconds (8), the length of
the subject (2), the subject, the length of the headers (4) and the headers where there are any, the body, and the
checksum (8) of all that but the lengths. The format is the server's own and may change with it: whoever writes here has
the server read everything afterwards, and keeps the files as they were.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from queuebit_cli.recovery.highway import highway_hash

__all__ = ["Record", "insert", "records"]

_HEAD = struct.Struct("<IQQH")
_HAS_HEADERS, _DELETED = 1 << 31, 1 << 63
_CHECKSUM = 8
_LEAST, _MOST = _HEAD.size + _CHECKSUM, 2 << 20
_BLOCK_BYTES = 8 << 20
"""A block is not made larger than this where another one can follow."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as a block holds it; without a subject, the place of one that is gone."""

    sequence: int
    stored_ns: int
    subject: str = ""
    headers: bytes = b""
    """With the first line and the empty one at the end."""
    body: bytes = b""

    def to_bytes(self, key: bytes) -> bytes:
        """The record in the block of this key."""
        subject = self.subject.encode()
        sequence = self.sequence if subject else self.sequence | _DELETED
        headers = struct.pack("<I", len(self.headers)) + self.headers if self.headers else b""
        length = _LEAST + len(subject) + len(headers) + len(self.body)
        flag = _HAS_HEADERS if self.headers else 0
        head = _HEAD.pack(length | flag, sequence, self.stored_ns, len(subject))
        checksum = highway_hash(key, head[4:20] + subject + self.headers + self.body)
        return head + subject + headers + self.body + checksum


def records(block: Path) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every record that is whole, also behind damage that the server does not look beyond."""
    content, key, at = block.read_bytes(), _key(block), 0
    while at + _LEAST <= len(content):
        if (length := _length(content, at)) and _checksum(content, at, length, key) == content[at + length - 8 :][:8]:
            yield _HEAD.unpack_from(content, at)[1], content[at : at + length]
            at += length
        else:
            at += 1


def insert(folder: Path, missing: Iterable[Record], aside: Path) -> None:
    """Put records in their places, in order of sequence, and drop what is damaged in the blocks that they belong to.

    Args:
        folder: holds the blocks of a stopped server.
        missing: a record for each sequence that cannot be read, rising.
        aside: where files are kept as they were.
    """
    blocks = sorted(folder.glob("*.blk"), key=lambda it: int(it.stem)) or [folder / "1.blk"]
    firsts = [_first(block) for block in blocks]
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = iter(missing)
    upcoming = next(wanted, None)
    for number, block in enumerate(blocks):
        limit = min((it for it in firsts[number + 1 :] if it), default=None)
        if upcoming is None:
            break
        if limit is None:
            _extend(block, chain([upcoming], wanted), aside)
            upcoming = None
        elif upcoming.sequence < limit:
            mine: list[Record] = []
            while upcoming is not None and upcoming.sequence < limit:
                mine.append(upcoming)
                upcoming = next(wanted, None)
            _rewrite(block, mine, aside)
    if (index := folder / "index.db").exists():  # the server makes it anew from the blocks
        shutil.move(index, aside / index.name)


def _rewrite(block: Path, mine: Iterable[Record], aside: Path) -> None:
    key = _key(block)
    found = dict(records(block)) if block.exists() else {}
    found |= {record.sequence: record.to_bytes(key) for record in mine}
    _replace(block, (found[sequence] for sequence in sorted(found, key=_place)), aside)


def _extend(block: Path, mine: Iterable[Record], aside: Path) -> None:
    """Rewrite the last block with records that go on beyond it, in as many further blocks as they need."""
    rest = iter(mine)
    last = max((_place(sequence) for sequence, _ in records(block)), default=0) if block.exists() else 0
    beyond: Record | None = None
    inside: list[Record] = []
    for record in rest:
        if record.sequence > last:
            beyond = record
            break
        inside.append(record)
    size = block.stat().st_size if block.exists() else 0
    while beyond is not None and size < _BLOCK_BYTES:
        inside.append(beyond)
        size += _LEAST + len(beyond.subject) + len(beyond.headers) + len(beyond.body)
        beyond = next(rest, None)
    _rewrite(block, inside, aside)
    if beyond is not None:
        _extend(block.with_name(f"{int(block.stem) + 1}.blk"), chain([beyond], rest), aside)


def _replace(block: Path, content: Iterable[bytes], aside: Path) -> None:
    """Write a block anew, and keep the old one."""
    draft = block.with_suffix(".draft")
    with draft.open("wb") as file:
        draft.chmod(0o640)
        file.writelines(content)
        file.flush()
        os.fsync(file.fileno())
    if block.exists():
        shutil.copy2(block, aside / block.name)
    draft.replace(block)


def _first(block: Path) -> int | None:
    """The first sequence of a block that is whole."""
    return next((_place(sequence) for sequence, _ in records(block)), None) if block.exists() else None


def _place(sequence: int) -> int:
    return sequence & ~_DELETED


def _key(block: Path) -> bytes:
    """Each block of the stream has a key of its own."""
    stream = block.parent.parent.name
    return hashlib.sha256(f"{stream}-{block.stem}".encode()).digest()


def _length(content: bytes, at: int) -> int:
    """The length of what may be a record here; 0 where it cannot be one."""
    length, _, _, subject = _HEAD.unpack_from(content, at)
    length &= ~_HAS_HEADERS
    good = _LEAST + subject <= length <= _MOST and at + length <= len(content)
    return length if good else 0


def _checksum(content: bytes, at: int, length: int, key: bytes) -> bytes:
    head, _, _, subject = _HEAD.unpack_from(content, at)
    begin, end = at + _HEAD.size, at + length - _CHECKSUM
    after = begin + subject + (4 if head & _HAS_HEADERS else 0)
    return highway_hash(key, content[at + 4 : at + 20] + content[begin : begin + subject] + content[after:end])
