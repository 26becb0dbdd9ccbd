"""The log as files that any web server can publish (C2SP tlog-tiles).

    checkpoint                  the latest signed tree head
    tile/<level>/<index>        256 hashes; never changes after a checkpoint covers it
    tile/<level>/<index>.p/<n>  the first n hashes of a tile that is not full yet
    tile/entries/<index>[.p/<n>]  the entries, each after its length in two bytes

The files are a view: entries come from the event stream, and a damaged folder is rebuilt from it. The content of a file
is synced to disk before its rename, and tiles are written before the checkpoint that covers them. So readers of the
folder never see partial files after a power cut; `open` detects files that were lost.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from queuebit_proof.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from queuebit_proof.errors import CheckpointInvalid, LogCorrupt
from queuebit_proof.merkle import Tree, leaf_hash
from queuebit_proof.trust import TrustRoot

__all__ = ["ENTRY_BYTES", "TileLog", "tile_path"]

ENTRY_BYTES = 32
"""Length of an entry, a SHA-256 digest: the log does not contain contents, and every entry fits the format."""

_WIDTH = 256
_PREFIX = ENTRY_BYTES.to_bytes(2)
_RECORD = len(_PREFIX) + ENTRY_BYTES
_ENTRIES = "entries"
_CHECKPOINT = "checkpoint"
_AGAIN = "rebuild the log from the event stream"


class TileLog:
    """A log in memory; `write` publishes appended entries to its folder."""

    def __init__(self, folder: Path) -> None:
        """Start an empty log; `open` and `rebuild` load the entries of an existing one."""
        self._folder = folder
        self._tree = Tree()
        self._records = bytearray()
        self._first_record = 0
        self._published = 0

    @classmethod
    def open(cls, folder: Path, trust: TrustRoot) -> TileLog:
        """Load the folder and verify every file with the checkpoint; a missing folder is an empty log.

        Ignores files beyond the checkpoint, which a crash during `write` can leave, and replaces them later.

        Raises:
            LogCorrupt: a file is missing, truncated or altered; the text names the file.
        """
        log = cls(folder)
        head = log._published_head(trust)
        if head is None:
            return log
        for index, width in _spans(0, head.size):
            log.append(_read_entries(folder / tile_path(_ENTRIES, index, width), width))
        for path, content in log._hash_tiles(0, head.size):
            if _read(folder / path) != content:
                raise LogCorrupt(f"{folder / path} does not match its entries: {_AGAIN}")
        if log.root() != head.root:
            raise LogCorrupt(f"the entries in {folder} do not match the root in its checkpoint: {_AGAIN}")
        log._covered(head.size)
        return log

    @classmethod
    def rebuild(cls, folder: Path, entries: Iterable[bytes], trust: TrustRoot) -> TileLog:
        """Start from the given entries, in order, instead of the folder; the next `write` writes every file again.

        Raises:
            LogCorrupt: the folder has a validly signed checkpoint of other entries, so that the log would fork. A
                damaged checkpoint is ignored.
        """
        log = cls(folder)
        log.append(entries)
        try:
            head = log._published_head(trust)
        except LogCorrupt:
            head = None
        if head and (head.size > log.size or log.root(head.size) != head.root):
            raise LogCorrupt(
                f"the given entries ({log.size}) differ from those of the checkpoint in {folder} ({head.size}): "
                "find the missing events, or start a log with another name"
            )
        return log

    @property
    def size(self) -> int:
        """The number of entries, published or not."""
        return self._tree.size

    @property
    def published(self) -> int:
        """The number of entries that the checkpoint in the folder covers."""
        return self._published

    def append(self, entries: Iterable[bytes]) -> int:
        """Add entries in memory; return the index of the first one."""
        fresh: Sequence[bytes] = tuple(entries)
        if any(len(entry) != ENTRY_BYTES for entry in fresh):
            raise ValueError(f"an entry is a SHA-256 digest of {ENTRY_BYTES} raw bytes")
        first = self.size
        self._tree.extend(leaf_hash(entry) for entry in fresh)
        for entry in fresh:
            self._records += _PREFIX + entry
        return first

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the log, or of its first `size` entries."""
        return self._tree.root(size)

    def head(self, origin: str) -> Checkpoint:
        """Return the tree head to sign next."""
        return Checkpoint(origin, self.size, self.root())

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the proof that an entry is in the log of `size` entries."""
        return self._tree.inclusion(index, size)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that the log of `new` entries continues the log of `old` entries."""
        return self._tree.consistency(old, new)

    def publish(self, checkpoint: str, trust: TrustRoot) -> None:
        """As `write`, unless the folder has a newer checkpoint: another process shares it, and was faster."""
        with suppress(LogCorrupt):  # a damaged one is replaced
            head = self._published_head(trust)
            if head is not None and head.size > read_checkpoint(checkpoint).size:
                return
        self.write(checkpoint)

    def write(self, checkpoint: str) -> None:
        """Publish all entries that the signed checkpoint covers: tiles first, then the checkpoint.

        Removes partial tiles when their full tile exists and no checkpoint needs them.

        Raises:
            ValueError: the checkpoint is of another tree, or older than the published one.
        """
        head = read_checkpoint(checkpoint)
        if not self._published <= head.size <= self.size or self.root(head.size) != head.root:
            raise ValueError(f"the checkpoint (size {head.size}) is not of this log, or older than the published one")
        changed = [*self._bundles(self._published, head.size), *self._hash_tiles(self._published, head.size)]
        for path, content in changed:
            self._put(path, content)
        self._put(Path(_CHECKPOINT), checkpoint.encode())
        _sync(self._folder)
        for path, _ in changed:
            if path.parent.suffix != ".p":
                shutil.rmtree(self._folder / path.with_suffix(".p"), ignore_errors=True)
        self._covered(head.size)

    def _published_head(self, trust: TrustRoot) -> Checkpoint | None:
        path = self._folder / _CHECKPOINT
        try:
            return verify_checkpoint(path.read_bytes().decode(), trust).head
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, CheckpointInvalid) as error:
            raise LogCorrupt(f"{path} is damaged ({error}): {_AGAIN}") from error

    def _covered(self, size: int) -> None:
        """Record the published size, and keep only the entries that a later write may need."""
        keep = size // _WIDTH * _WIDTH
        del self._records[: _RECORD * (keep - self._first_record)]
        self._first_record, self._published = keep, size

    def _bundles(self, old: int, new: int) -> Iterator[tuple[Path, bytes]]:
        for index, width in _spans(old, new):
            start = _RECORD * (index * _WIDTH - self._first_record)
            yield tile_path(_ENTRIES, index, width), bytes(self._records[start : start + _RECORD * width])

    def _hash_tiles(self, old: int, new: int) -> Iterator[tuple[Path, bytes]]:
        level = 0
        while new >> (8 * level):
            for index, width in _spans(old >> (8 * level), new >> (8 * level)):
                first = index * _WIDTH
                yield tile_path(str(level), index, width), self._tree.hashes(8 * level, first, first + width)
            level += 1

    def _put(self, path: Path, content: bytes) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def _spans(old: int, new: int) -> Iterator[tuple[int, int]]:
    """Yield index and width of each tile that differs between two sizes of a level."""
    if old == new:
        return
    for index in range(old // _WIDTH, -(-new // _WIDTH)):
        yield index, min(_WIDTH, new - index * _WIDTH)


def tile_path(kind: str, index: int, width: int = _WIDTH) -> Path:
    """Return the path of a tile of a level, or of `entries`.

    Each element has three digits, with the prefix `x` on all but the last: folders stay small, and no name is both a
    file and a folder.
    """
    digits = str(index).zfill(-(-len(str(index)) // 3) * 3)
    *outer, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    path = Path("tile", kind, *(f"x{part}" for part in outer))
    return path / last if width == _WIDTH else path / f"{last}.p" / str(width)


def _sync(folder: Path) -> None:
    """Sync the names in a folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LogCorrupt(f"{path} cannot be read ({error.strerror}): {_AGAIN}") from error


def _read_entries(path: Path, width: int) -> Iterator[bytes]:
    content = _read(path)
    if len(content) != _RECORD * width:
        raise LogCorrupt(f"{path} has {len(content)} bytes instead of {_RECORD * width}: {_AGAIN}")
    for at in range(0, len(content), _RECORD):
        if content[at : at + len(_PREFIX)] != _PREFIX:
            raise LogCorrupt(f"{path} is damaged at byte {at}: {_AGAIN}")
        yield content[at + len(_PREFIX) : at + _RECORD]
