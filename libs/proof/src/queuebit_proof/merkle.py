"""The Merkle tree of RFC 6962, section 2, with its proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

__all__ = ["HASH_BYTES", "Tree", "leaf_hash", "verify_consistency", "verify_inclusion"]

HASH_BYTES = 32
_EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry; the prefix makes hashes of leaves and of nodes different."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only tree with proofs for every earlier size.

    It stores the hash of every complete subtree, 64 bytes per leaf in total. An append computes two hashes per leaf. A
    root or a proof computes O(log n) to O(log^2 n) hashes.
    """

    def __init__(self) -> None:
        self._levels = [bytearray()]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Append leaf hashes.

        Raises:
            ValueError: a leaf is not a SHA-256 hash; no leaf was appended.
        """
        fresh = tuple(leaves)
        if any(len(leaf) != HASH_BYTES for leaf in fresh):
            raise ValueError(f"a leaf hash is {HASH_BYTES} bytes")
        self._levels[0] += b"".join(fresh)
        level = 0
        while pairs := len(below := self._levels[level]) // (2 * HASH_BYTES):
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            above = self._levels[level]
            for index in range(len(above) // HASH_BYTES, pairs):
                at = 2 * HASH_BYTES * index
                above += hashlib.sha256(b"\x01" + below[at : at + 2 * HASH_BYTES]).digest()

    def hashes(self, level: int, start: int, end: int) -> bytes:
        """Return the hashes `start` to `end` (exclusive) of the complete subtrees of 2^level leaves, concatenated."""
        return bytes(self._levels[level][HASH_BYTES * start : HASH_BYTES * end])

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree, or of its first `size` leaves."""
        end = self._bounded(size)
        return self._range(0, end) if end else _EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the inclusion proof of leaf `index` in the tree of `size` leaves: sibling hashes, from the leaf up."""
        end = self._bounded(size)
        if not 0 <= index < end:
            raise ValueError(f"a tree of {end} leaves has no leaf {index}")
        return self._path(index, 0, end)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the tree of `new` leaves starts with the tree of `old` leaves."""
        end = self._bounded(new)
        if not 0 <= old <= end:
            raise ValueError(f"a tree of {end} leaves cannot start with {old} leaves")
        return self._subproof(old, 0, end, known=True) if 0 < old < end else []

    def _bounded(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise ValueError(f"the tree has {self.size} leaves, and never had {size}")
        return size

    def _range(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self.hashes(level, start >> level, (start >> level) + 1)
        middle = start + _split(width)
        return _node_hash(self._range(start, middle), self._range(middle, end))

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._range(middle, end)]
        return [*self._path(index, middle, end), self._range(start, middle)]

    def _subproof(self, old: int, start: int, end: int, *, known: bool) -> list[bytes]:
        if old == end:
            return [] if known else [self._range(start, end)]
        middle = start + _split(end - start)
        if old <= middle:
            return [*self._subproof(old, start, middle, known=known), self._range(middle, end)]
        return [*self._subproof(old, middle, end, known=False), self._range(start, middle)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof connects the leaf hash at `index` with the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or any(len(item) != HASH_BYTES for item in proof):
        return False
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = _node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = _node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the tree of `new` leaves starts with the tree of `old` leaves (RFC 9162, section 2.1.4.2).

    Every tree starts with the empty tree; this needs no proof.
    """
    if not 0 <= old <= new or any(len(item) != HASH_BYTES for item in proof):
        return False
    if old in (0, new):
        return not proof and old_root == (new_root if old == new else _EMPTY_ROOT)
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for item in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = _node_hash(item, first), _node_hash(item, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = _node_hash(second, item)
        node, last = node >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


def _split(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)
