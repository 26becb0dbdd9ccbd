"""Damages the store of a stopped server, as a failing disk does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from queuebit_stack.recovery.block_cipher import BlockCipher

__all__ = ["flip_a_bit", "tear"]

_CHECKSUM = 8
_PLAIN = BlockCipher()


def flip_a_bit(store: Path, sequence: int, cipher: BlockCipher = _PLAIN) -> None:
    """Change one bit in the body of a message of `LOG`."""
    block, start, length = _find(store, sequence, cipher)
    content = bytearray(cipher.read(block))
    content[start + length - _CHECKSUM - 40] ^= 1
    cipher.write(block, bytes(content))


def tear(store: Path, sequence: int, cipher: BlockCipher = _PLAIN) -> None:
    """Truncate the block in the middle of a message of `LOG`, and the index, as after a crash."""
    block, start, _ = _find(store, sequence, cipher)
    block.write_bytes(block.read_bytes()[: start + 60])
    (block.parent / "index.db").unlink(missing_ok=True)


def _find(store: Path, sequence: int, cipher: BlockCipher) -> tuple[Path, int, int]:
    for block in sorted(store.glob("**/streams/LOG/msgs/*.blk")):
        for start, length, found in _records(cipher.read(block)):
            if found == sequence:
                return block, start, length
    raise LookupError(f"no block in {store} contains message {sequence}")


def _records(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield start, length and sequence of each record: length, sequence, time, subject, headers, body, checksum."""
    start = 0
    while start < len(content):
        length, sequence = struct.unpack_from("<IQ", content, start)
        length &= 0x7FFFFFFF  # the highest bit marks headers
        yield start, length, sequence
        start += length
