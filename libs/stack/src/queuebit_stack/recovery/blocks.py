"""The files in which nats-server 2.x keeps the messages of `LOG`: reading what is whole, writing what is missing.

A block is a row of records. A record is, in little-endian order: its length (4 bytes; the highest bit says that there
are headers), the sequence (8; the highest bit says that the message was deleted), the time in nanoseconds (8), the
length of the subject (2), the subject, the length of the headers (4) and the headers where there are any, the body,
and the checksum (8) of all that but the lengths. The format is the server's own and may change with it: so the server
has to read everything again afterwards, and the files are kept as they were.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from queuebit_contracts.topology import LOG
from queuebit_stack.recovery.highway import highway_hash

__all__ = ["Record", "finish", "insert", "put_back", "records"]

_HEAD = struct.Struct("<IQQH")
_HAS_HEADERS, _DELETED = 1 << 31, 1 << 63
_CHECKSUM = 8
_LEAST, _MOST = _HEAD.size + _CHECKSUM, 2 << 20
_DRAFT = "msgs.draft"
"""Name of the folder that is made anew, beside `msgs`."""
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
    content, key, at = block.read_bytes(), _key(block.stem), 0
    while at + _LEAST <= len(content):
        if (length := _length(content, at)) and _checksum(content, at, length, key) == content[at + length - 8 :][:8]:
            yield _HEAD.unpack_from(content, at)[1], content[at : at + length]
            at += length
        else:
            at += 1


def insert(folder: Path, missing: Iterable[Record], aside: Path) -> None:
    """Put records in their places, in order of sequence, and drop what is damaged in the blocks that they belong to.

    The folder is made anew beside itself and exchanged whole; `put_back` undoes it.

    Args:
        folder: holds the blocks of a stopped server.
        missing: a record for each sequence that cannot be read, rising.
        aside: where the folder goes as it was; it is not there yet.
    """
    draft = folder.with_name(_DRAFT)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o750)
    blocks = sorted(folder.glob("*.blk"), key=lambda it: int(it.stem))
    firsts = [_first(block) for block in blocks]
    queue = _Queue(missing)
    for number, block in enumerate(blocks):
        limit = min((it for it in firsts[number + 1 :] if it), default=None)
        if limit is None:
            _write_last(draft / block.name, dict(records(block)), queue)
            break
        if mine := list(queue.until(limit)):
            _write(draft / block.name, dict(records(block)), mine)
        else:
            os.link(block, draft / block.name)  # only the last block is ever appended to
    else:
        _write_last(draft / "1.blk", {}, queue)
    _sync(draft)
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.rename(aside)
    draft.rename(folder)
    _sync(folder.parent)


def finish(streams: Path) -> None:
    """Put the new folder in place where `insert` was killed after it had moved the old one away.

    A server that was started meanwhile has made an empty folder there.
    """
    for draft in streams.glob(f"**/streams/{LOG}/{_DRAFT}"):
        folder = draft.with_name("msgs")
        if not any(block.stat().st_size for block in folder.glob("*.blk")):
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
            _sync(folder.parent)


def put_back(folder: Path, aside: Path) -> None:
    """Undo `insert`."""
    shutil.rmtree(folder)
    aside.rename(folder)


class _Queue:
    """Records that wait for their block."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._rest = iter(records)
        self._next = next(self._rest, None)

    def until(self, limit: int) -> Iterator[Record]:
        """Those before a sequence."""
        while self._next is not None and self._next.sequence < limit:
            yield self._next
            self._next = next(self._rest, None)

    def up_to_bytes(self, most: int) -> Iterator[Record]:
        """At least one, if there is one, and no more than fit."""
        size = 0
        while self._next is not None and size < most:
            size += _LEAST + len(self._next.subject) + len(self._next.headers) + len(self._next.body)
            yield self._next
            self._next = next(self._rest, None)


def _write_last(block: Path, found: dict[int, bytes], queue: _Queue) -> None:
    """Write the last block, and after it as many as the records beyond its end need."""
    mine = list(queue.until(max(map(_place, found), default=0)))
    room = max(1, _BLOCK_BYTES - sum(map(len, found.values())))
    _write(block, found, [*mine, *queue.up_to_bytes(room)])
    while more := list(queue.up_to_bytes(_BLOCK_BYTES)):
        block = block.with_name(f"{int(block.stem) + 1}.blk")
        _write(block, {}, more)


def _write(block: Path, found: dict[int, bytes], mine: Iterable[Record]) -> None:
    key = _key(block.stem)
    found = {_place(sequence): content for sequence, content in found.items()}
    found |= {record.sequence: record.to_bytes(key) for record in mine}
    with block.open("wb") as file:
        block.chmod(0o640)
        file.writelines(found[sequence] for sequence in sorted(found))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first(block: Path) -> int | None:
    """The first sequence of a block that is whole."""
    return next((_place(sequence) for sequence, _ in records(block)), None)


def _place(sequence: int) -> int:
    return sequence & ~_DELETED


def _key(block: str) -> bytes:
    """Each block of the stream has a key of its own."""
    return hashlib.sha256(f"{LOG}-{block}".encode()).digest()


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
