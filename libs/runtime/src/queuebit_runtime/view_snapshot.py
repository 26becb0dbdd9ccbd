"""Snapshots of views: the state of a view in a file, so that a start reads the end of the log and not all of it.

A snapshot is a cache of a cache: without it, the view reads the log from the beginning. It names the last message that
the state contains, by sequence and digest. A view uses it only if the log has that very message there; so the snapshot
of another log, or one ahead of a log that was cut, is ignored. So is a torn file, and one that other code wrote.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from queuebit_kernel import SystemClock

__all__ = ["EVERY", "Base", "Mark", "Snapshotted", "ViewSnapshot", "code_digest"]

_log = logging.getLogger(__name__)

EVERY = 20_000
"""Messages between two snapshots: a start reads fewer than this, which takes about a second."""

_FORGOTTEN_S = 60.0
"""A draft of this age was left by a process that was killed."""


class Snapshotted(Protocol):
    """The state of a view, as it is stored."""

    def freeze(self) -> Callable[[], Iterable[bytes]] | None:
        """Copy the state; the result encodes the copy later, in another thread, as records without line breaks.

        None while the state contains messages that the view has not read yet.
        """
        ...

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read records; the result fills the empty state with them.

        Raises:
            ValueError: they are of another form.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A message of the log, by place and content."""

    sequence: int
    digest: str


@dataclass(frozen=True, slots=True)
class Base:
    """A snapshot that was read."""

    mark: Mark
    """The last message that it contains."""
    records: tuple[bytes, ...]


class ViewSnapshot:
    """The snapshot of one view in a file, written again every so many messages and at the end.

    Processes of one service may share the file: each writes a whole snapshot, and the last one counts.
    """

    def __init__(self, path: Path, state: Snapshotted, *, every: int = EVERY) -> None:
        self.path = path
        self._state = state
        self._every = every
        self._since = 0
        self._writing: asyncio.Task[None] | None = None

    def read(self) -> Base | None:
        """The snapshot in the file; None, with a line in the log that says why, if it cannot be used."""
        code_digest()  # of the program as it started: its files may be replaced before it writes
        self._sweep()
        try:
            checksum, _, content = self.path.read_bytes().partition(b"\n")
            first, _, body = content.partition(b"\n")
            head = json.loads(first) if checksum == _checksum(content) else None
            if head is not None and head["code"] == code_digest():
                return Base(Mark(head["sequence"], head["digest"]), tuple(body.splitlines()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.ignore(f"it cannot be read: {error!r}")
            return None
        self.ignore("it is damaged" if head is None else "another version wrote it")
        return None

    def restore(self, base: Base) -> bool:
        """Fill the state; False, with a line in the log, if the records cannot be used."""
        try:
            fill = self._state.thaw(base.records)
        except ValueError as error:
            self.ignore(f"its state cannot be used: {error}")
            return False
        fill()
        _log.info("the view begins with the snapshot %s, which ends at sequence %d", self.path, base.mark.sequence)
        return True

    def ignore(self, why: str) -> None:
        """Say why the snapshot is not used."""
        _log.warning("the snapshot %s is ignored, and the log is read from the beginning: %s", self.path, why)

    def folded(self, mark: Callable[[], Mark]) -> None:
        """Note that a message was folded; write a snapshot if it is time for one."""
        self._since += 1
        if self._since >= self._every and (self._writing is None or self._writing.done()):
            self._begin(mark)

    async def close(self, mark: Callable[[], Mark]) -> None:
        """Write what was folded since the last snapshot."""
        if self._since:
            await self._written()
            self._begin(mark)
        await self._written()

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing

    def _begin(self, mark: Callable[[], Mark]) -> None:
        encode = self._state.freeze()
        if encode is not None:  # otherwise the next message tries again
            self._since = 0
            self._writing = asyncio.get_running_loop().create_task(asyncio.to_thread(self._write, mark(), encode))

    def _write(self, mark: Mark, encode: Callable[[], Iterable[bytes]]) -> None:
        try:
            head = json.dumps({"code": code_digest(), **asdict(mark)}).encode()
            content = b"".join(record + b"\n" for record in (head, *encode()))
            self._replace(_checksum(content) + b"\n" + content)
        except OSError as error:
            _log.warning("the snapshot %s cannot be written; the next start takes longer: %s", self.path, error)

    def _replace(self, content: bytes) -> None:
        """Write the file completely or not at all, with mode 0600."""
        descriptor, draft = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(self.path)
        finally:
            Path(draft).unlink(missing_ok=True)

    def _sweep(self) -> None:
        for draft in self.path.parent.glob(f".{self.path.name}.*"):
            with suppress(OSError):
                if draft.stat().st_mtime < SystemClock().now().timestamp() - _FORGOTTEN_S:
                    draft.unlink()


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


@cache
def code_digest() -> str:
    """The digest of the program: all files of Queuebit's packages that the process has loaded at the first call.

    A state depends on the code that folded it, so the snapshot of other code is not used.
    """
    digest = hashlib.sha256()
    for file in _files():
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    packages = {name: it for name, it in sys.modules.items() if name.startswith("queuebit") and "." not in name}
    for _, package in sorted(packages.items()):
        for folder in sorted(getattr(package, "__path__", ())):
            yield from sorted(it for it in Path(folder).rglob("*") if it.is_file() and it.suffix != ".pyc")
