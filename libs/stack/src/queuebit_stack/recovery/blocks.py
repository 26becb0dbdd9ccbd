"""The files in which nats-server 2.x keeps the messages of `LOG`: reads intact records, writes missing ones.

A block is a sequence of records. A record is, in little-endian order: its length (4 bytes; the highest bit says that
there are headers), the sequence (8; the highest bit says that the message was deleted), the time in nanoseconds (8),
the length of the subject (2), the subject, the length of the headers (4) and any headers, the body,
and the checksum (8) of all that but the lengths. The format is internal to the server and may change: therefore
the server reads everything again afterwards, and the old files are kept.
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
from queuebit_stack.recovery.block_cipher import BlockCipher
from queuebit_stack.recovery.highway import highway_hash

__all__ = ["Record", "finish", "insert", "put_back", "records"]

_HEAD = struct.Struct("<IQQH")
_HAS_HEADERS, _DELETED = 1 << 31, 1 << 63
_CHECKSUM = 8
_LEAST, _MOST = _HEAD.size + _CHECKSUM, 2 << 20
_DRAFT = "msgs.draft"
"""Name of the new folder, beside `msgs`."""
_BLOCK_BYTES = 8 << 20
"""The most bytes of a block, unless no other block can follow."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message in a block; without a subject, the placeholder of a lost message."""

    sequence: int
    stored_ns: int
    subject: str = ""
    headers: bytes = b""
    """With the first line and the empty last line."""
    body: bytes = b""

    def to_bytes(self, key: bytes) -> bytes:
        """The bytes of the record in the block with this key."""
        subject = self.subject.encode()
        sequence = self.sequence if subject else self.sequence | _DELETED
        headers = struct.pack("<I", len(self.headers)) + self.headers if self.headers else b""
        length = _LEAST + len(subject) + len(headers) + len(self.body)
        flag = _HAS_HEADERS if self.headers else 0
        head = _HEAD.pack(length | flag, sequence, self.stored_ns, len(subject))
        checksum = highway_hash(key, head[4:20] + subject + self.headers + self.body)
        return head + subject + headers + self.body + checksum


def records(block: Path, cipher: BlockCipher) -> Iterator[tuple[int, bytes]]:
    """Sequence and bytes of every intact record, also after damage where the server stops reading."""
    content, key, at = cipher.read(block), _key(block.stem), 0
    while at + _LEAST <= len(content):
        if (length := _length(content, at)) and _checksum(content, at, length, key) == content[at + length - 8 :][:8]:
            yield _HEAD.unpack_from(content, at)[1], content[at : at + length]
            at += length
        else:
            at += 1


def insert(folder: Path, missing: Iterable[Record], aside: Path, cipher: BlockCipher) -> None:
    """Insert records by sequence, and drop damaged records from their blocks.

    A new folder is written beside the old one and takes its place in one step; `put_back` undoes this. Blocks that
    change are written without encryption: the server encrypts them, with new keys, when it reads them next.

    Args:
        folder: holds the blocks of a stopped server.
        missing: a record for each unreadable sequence, ascending.
        aside: where the old folder is moved; must not exist yet.
        cipher: decrypts the blocks.
    """
    draft = folder.with_name(_DRAFT)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o750)
    blocks = sorted(folder.glob("*.blk"), key=lambda it: int(it.stem))
    firsts = [_first(block, cipher) for block in blocks]
    queue = _Queue(missing)
    for number, block in enumerate(blocks):
        limit = min((it for it in firsts[number + 1 :] if it), default=None)
        if limit is None:
            _write_last(draft / block.name, dict(records(block, cipher)), queue)
            break
        if mine := list(queue.until(limit)):
            _write(draft / block.name, dict(records(block, cipher)), mine)
        else:
            for path in (block, block.with_suffix(".key")):
                if path.exists():
                    os.link(path, draft / path.name)  # the server appends to the last block only
    else:
        _write_last(draft / "1.blk", {}, queue)
    _sync(draft)
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.rename(aside)
    draft.rename(folder)
    _sync(folder.parent)


def finish(streams: Path) -> None:
    """Move the new folder into place if `insert` was killed after moving the old one away.

    A server that started meanwhile has created an empty folder there.
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
    """Records not yet written to a block."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._rest = iter(records)
        self._next = next(self._rest, None)

    def until(self, limit: int) -> Iterator[Record]:
        """Those before a sequence."""
        while self._next is not None and self._next.sequence < limit:
            yield self._next
            self._next = next(self._rest, None)

    def up_to_bytes(self, most: int) -> Iterator[Record]:
        """As many as fit, but at least one if there is any."""
        size = 0
        while self._next is not None and size < most:
            size += _LEAST + len(self._next.subject) + len(self._next.headers) + len(self._next.body)
            yield self._next
            self._next = next(self._rest, None)


def _write_last(block: Path, found: dict[int, bytes], queue: _Queue) -> None:
    """Write the last block, and as many further blocks as the remaining records need."""
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
    """Flush the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _first(block: Path, cipher: BlockCipher) -> int | None:
    """The first sequence of an intact block."""
    return next((_place(sequence) for sequence, _ in records(block, cipher)), None)


def _place(sequence: int) -> int:
    return sequence & ~_DELETED


def _key(block: str) -> bytes:
    """The checksum key of a block."""
    return hashlib.sha256(f"{LOG}-{block}".encode()).digest()


def _length(content: bytes, at: int) -> int:
    """The length of a possible record here; 0 if there cannot be one."""
    length, _, _, subject = _HEAD.unpack_from(content, at)
    length &= ~_HAS_HEADERS
    good = _LEAST + subject <= length <= _MOST and at + length <= len(content)
    return length if good else 0


def _checksum(content: bytes, at: int, length: int, key: bytes) -> bytes:
    head, _, _, subject = _HEAD.unpack_from(content, at)
    begin, end = at + _HEAD.size, at + length - _CHECKSUM
    after = begin + subject + (4 if head & _HAS_HEADERS else 0)
    return highway_hash(key, content[at + 4 : at + 20] + content[begin : begin + subject] + content[after:end])
