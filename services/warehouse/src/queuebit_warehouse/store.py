"""The folder on disk: opened by one process, set aside when it no longer opens."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from queuebit_kernel import Clock
from queuebit_warehouse.config import FREE_BYTES, OVERLAY, profile, write_config
from queuebit_warehouse.engine import Connection, connect
from queuebit_warehouse.errors import CannotStart
from queuebit_warehouse.guard import Guard
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.logins import Login
from queuebit_warehouse.sql import literal

__all__ = ["Store"]

_log = logging.getLogger(__name__)

_NOT_ITS_FAULT: Final = re.compile(
    r"No space left|NOT_ENOUGH_SPACE|Cannot lock file|Permission denied|Read-only file|Too many open files|MEMORY_LIMIT"
)
"""Reasons for which a sound store may fail to open: it is never set aside for one of these."""


class Store:
    """An open store; `connect` gives handles to it until `close`."""

    def __init__(self, folder: Path, max_memory_mb: int, clock: Clock) -> None:
        self._folder = folder
        self._lock = _lock(folder)
        self._path = folder / "store"
        self._config = write_config(folder, max_memory_mb)
        self.profile = profile(max_memory_mb)
        self.spool = folder / "spool"
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(mode=0o700)
        self._control_lock = Lock()
        try:
            self._control = self._open()
        except _Unreadable as broken:
            self._control = self._start_anew(broken.reason, clock)
        answer = self._control.query("SELECT version(), timezone()", "TSV").bytes().decode()
        self.version, self.timezone = answer.strip().split("\t")
        functions = self._control.query("SELECT name FROM system.table_functions", "TSV").bytes().decode()
        self.guard = Guard(functions.split())

    def connect(self, login: Login) -> Handle:
        """Open a session of its own; costs about 0.1 ms."""
        return Handle(self._connect(), self.profile, login)

    def kill(self, path: str) -> bool:
        """Cancel the query that reads from or writes to `path`; whether one was found."""
        mark = literal(f"FILE {literal(path)} ")
        with self._control_lock:
            found = self._control.query(f"KILL QUERY WHERE position(query, {mark}) > 0 ASYNC", "TSV")
            return bool(found.bytes())

    @property
    def set_aside(self) -> Path | None:
        """The latest store that did not open: everything must be rebuilt from the log. Reported until it is deleted."""
        return max(self._folder.glob("store.broken-*"), default=None)

    def trouble(self) -> str | None:
        """Why the store cannot take inserts now; `None` when all is well."""
        if not self._path.is_dir():
            return f"the store's folder {self._path} is gone: restart the warehouse and rebuild it from the log"
        disk = os.statvfs(self._path)
        free = disk.f_bavail * disk.f_frsize
        if free < FREE_BYTES:
            return f"the disk under {self._folder} is full ({free} bytes free): make room, inserts go on by themselves"
        return None

    def close(self) -> None:
        self._control.close()
        self._lock.close()

    def _open(self) -> Connection:
        _define_default(self._path / "metadata")
        with _native_stderr() as said:
            try:
                connection = self._connect()
                connection.query(f"DROP DATABASE {OVERLAY}", "Null")
                connection.query("SELECT sum(total_rows) FROM system.tables WHERE engine LIKE '%MergeTree'", "Null")
            except RuntimeError as error:
                raise _Unreadable(f"{error} {said()}".strip()) from error
        return connection

    def _start_anew(self, reason: str, clock: Clock) -> Connection:
        """Set the store aside and open an empty one, unless the store is not to blame."""
        failure = CannotStart(f"cannot open {self._path}: {reason} Nothing was changed; mend this and start again", 75)
        if _NOT_ITS_FAULT.search(reason):
            raise failure
        aside = self._path.with_name(f"store.broken-{clock.now():%Y%m%dT%H%M%SZ}")
        self._path.rename(aside)
        try:
            fresh = self._open()
        except _Unreadable:
            shutil.rmtree(self._path, ignore_errors=True)
            aside.rename(self._path)
            raise failure from None
        _log.critical("the store did not open and was set aside as %s; starting EMPTY, rebuild it from the log", aside)
        _log.critical("the reason was: %s", reason)
        return fresh

    def _connect(self) -> Connection:
        return connect(f"{self._path}?config-file={self._config}")


def _define_default(metadata: Path) -> None:
    """Make `default` a database of tables.

    Where the library finds no definition it lays files under `default`: a name that is no table is a path then. A store
    from before has a link that says which tables it holds; it must not find the link either, and lays it anew.
    """
    link, definition = metadata / "default", metadata / "default.sql"
    if not definition.exists():
        number = link.readlink().name if link.is_symlink() else str(uuid.uuid4())
        metadata.mkdir(parents=True, exist_ok=True)
        draft = metadata / "default.draft"
        with draft.open("w") as file:
            file.write(f"ATTACH DATABASE _ UUID '{number}' ENGINE = Atomic\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(definition)
    link.unlink(missing_ok=True)


class _Unreadable(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _FolderLock:
    """An advisory lock that dies with its process, and says which process that is."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _lock(folder: Path) -> _FolderLock:
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _FolderLock(path)
    except BlockingIOError:
        raise CannotStart(
            f"the data folder {folder} is in use by process {path.read_text() or '?'}: stop that warehouse, "
            "or set QUEUEBIT_WAREHOUSE_DATA_DIR to another folder",
            75,
        ) from None
    except OSError as error:
        raise CannotStart(
            f"cannot use the data folder {folder} ({error.strerror}): make it a folder this user may write", 75
        ) from error


@contextmanager
def _native_stderr() -> Iterator[Callable[[], str]]:
    """Catch what the engine prints while it opens: its exception leaves out the reason."""
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)

        def said() -> str:
            caught.seek(0)
            return " ".join(caught.read(4000).decode(errors="replace").split())

        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
