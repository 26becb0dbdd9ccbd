"""The archive: segments in a folder, each under the range of its sequences. The files are their own list."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from queuebit_archive.segments import Damaged, Message, decode, encode
from queuebit_kernel import digest

__all__ = ["Archive", "Check", "Segment"]

_NAME = re.compile(r"(\d{20})-(\d{20})\.parquet")


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the archive."""

    first: int
    last: int
    path: Path

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of the whole archive found."""

    messages: int
    head: str
    """The digest of the last segment, on which all others depend; empty if there is none."""
    faults: tuple[str, ...]


class Archive:
    """Segments in a folder. One process writes at a time; a file that is complete never changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def segments(self) -> list[Segment]:
        """All segments, by sequence."""
        if not self.folder.is_dir():
            return []
        named = [(_NAME.fullmatch(it.name), it) for it in self.folder.iterdir()]
        return sorted((Segment(int(it[1]), int(it[2]), path) for it, path in named if it), key=lambda it: it.first)

    def append(self, messages: Sequence[Message]) -> Segment:
        """Write the next segment; it is on disk, and was read back, when this returns.

        Raises:
            Damaged: the last segment cannot be read, or the new one reads back differently.
            ValueError: the messages do not follow the last segment.
            OSError: the folder cannot be written.
        """
        before = self.segments()
        if messages[0].sequence <= (before[-1].last if before else 0):
            raise ValueError(f"the archive already ends at {before[-1].last if before else 0}")
        previous = digest(_intact(before[-1])) if before else ""
        content = encode(messages, previous)
        first, last = messages[0].sequence, messages[-1].sequence
        path = self.folder / f"{first:020d}-{last:020d}.parquet"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, content)
        segment = Segment(first, last, path)
        if decode(_content(segment)) != ([*messages], previous):
            path.unlink()
            raise Damaged(f"{path} reads back differently from what was written: examine the disk")
        return segment

    def newest(self) -> Message | None:
        """The last archived message; None if there is none."""
        segments = self.segments()
        return self._messages(segments[-1])[-1] if segments else None

    def read(self, first: int = 1, last: int | None = None) -> Iterator[Message]:
        """Messages of a range of sequences, in order; holds one segment in memory.

        Raises:
            Damaged: a segment in the range cannot be read.
        """
        for segment in self.segments():
            if segment.last >= first and (last is None or segment.first <= last):
                for it in self._messages(segment):
                    if it.sequence >= first and (last is None or it.sequence <= last):
                        yield it

    def check(self, lost: frozenset[int] = frozenset()) -> Check:
        """Read everything: each file, the digests that chain them, and that no sequence from 1 on is missing.

        Args:
            lost: sequences of messages that the log lost before they could be archived.
        """
        faults: list[str] = []
        previous, end, count = "", 0, 0
        for segment in self.segments():
            name = segment.path.name
            if gap := _missing(end + 1, segment.first, lost):
                faults.append(f"events {gap} are missing before {name}: restore the file that has them")
            elif segment.first <= end:
                faults.append(f"{name} has sequences that another file has, too")
            try:
                content = segment.path.read_bytes()
                messages, named = decode(content)
                _require_range(segment, messages)
            except (Damaged, OSError) as error:
                faults.append(f"{name} is damaged: {error}; restore it from another copy")
                previous, end = "?", segment.last
                continue
            if previous != "?" and not gap and named != previous:
                faults.append(f"{name} does not follow the file before it, which was changed after it was written")
            inner = [it.sequence for it in messages]
            for low, high in pairwise(inner):
                if within := _missing(low + 1, high, lost):
                    faults.append(f"events {within} are missing in {name}")
            previous, end, count = digest(content), segment.last, count + len(messages)
        return Check(count, "" if previous == "?" else previous, tuple(faults))

    def _messages(self, segment: Segment) -> list[Message]:
        return decode(_intact(segment))[0]


def _content(segment: Segment) -> bytes:
    try:
        return segment.path.read_bytes()
    except OSError as error:
        raise Damaged(f"{segment.path} cannot be read: {error}") from error


def _intact(segment: Segment) -> bytes:
    """The content of a file that can be read and has what its name says.

    Raises:
        Damaged: it is not so.
    """
    content = _content(segment)
    try:
        _require_range(segment, decode(content)[0])
    except Damaged as error:
        raise Damaged(f"{segment.path} is damaged: {error}; restore it from another copy") from error
    return content


def _require_range(segment: Segment, messages: Sequence[Message]) -> None:
    sequences = [it.sequence for it in messages]
    ends = (sequences[0], sequences[-1]) if sequences else ()
    if ends != (segment.first, segment.last) or sequences != sorted(set(sequences)):
        raise Damaged("it has other sequences than its name says")


def _missing(first: int, before: int, lost: frozenset[int]) -> str:
    """The sequences from `first` up to, not including, `before`, that are not known as lost; empty if none."""
    absent = [it for it in range(first, before) if it not in lost]
    if not absent:
        return ""
    return str(absent[0]) if len(absent) == 1 else f"{absent[0]}-{absent[-1]}"


def _write(path: Path, content: bytes) -> None:
    """Write a file completely or not at all, with mode 0600, and its name with it."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
