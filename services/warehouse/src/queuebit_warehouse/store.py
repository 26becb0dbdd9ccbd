"""The store on disk: used by one process, and moved away if it does not open."""

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
from queuebit_warehouse.config import (
    ENCRYPTED,
    FORMER,
    FREE_BYTES,
    KEY_VARIABLE,
    OVERLAY,
    REPLACED,
    REPLACED_KEY_VARIABLE,
    profile,
    write_config,
)
from queuebit_warehouse.engine import Connection, connect
from queuebit_warehouse.errors import CannotStart
from queuebit_warehouse.guard import Guard
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.logins import Login
from queuebit_warehouse.sql import literal, name

__all__ = ["Store"]

_log = logging.getLogger(__name__)

_EXTERNAL_CAUSES: Final = re.compile(
    r"No space left|NOT_ENOUGH_SPACE|Cannot lock file|Permission denied|Read-only file|Too many open files|MEMORY_LIMIT"
)
"""Reasons why a healthy store may fail to open; the store is not moved away for these."""


class Store:
    """An open store; `connect` returns handles until `close`."""

    def __init__(
        self,
        folder: Path,
        max_memory_mb: int,
        clock: Clock,
        disk_key: bytes | None = None,
        replaced_key: bytes | None = None,
    ) -> None:
        """Open it, or create an empty one.

        Args:
            folder: only one process may use it.
            max_memory_mb: memory of one query.
            clock: names the folder of a store that does not open.
            disk_key: 32 bytes, with which the tables are encrypted; None: plain files.
            replaced_key: the former one: what is encrypted with it is encrypted with `disk_key`.
        """
        self._folder = folder
        self._lock = _lock(folder)
        self._path = folder / "store"
        if disk_key is not None:
            os.environ[KEY_VARIABLE] = disk_key.hex()
        if replaced_key is not None:
            os.environ[REPLACED_KEY_VARIABLE] = replaced_key.hex()
        self._config = write_config(
            folder, max_memory_mb, encrypted=disk_key is not None, replaces=replaced_key is not None
        )
        self.profile = profile(max_memory_mb)
        self.spool = folder / "spool"
        shutil.rmtree(self.spool, ignore_errors=True)
        self.spool.mkdir(mode=0o700)
        self._control_lock = Lock()
        try:
            self._control = self._open()
        except _Unreadable as broken:
            if replaced_key is not None:
                raise CannotStart(f"cannot open {self._path} with the replaced key: {broken.reason}", 75) from broken
            self._control = self._replace(broken.reason, clock)
        if disk_key is not None:
            self._encrypt(FORMER)
        if replaced_key is not None:
            self._encrypt(REPLACED)
        answer = self._control.query("SELECT version(), timezone()", "TSV").bytes().decode()
        self.version, self.timezone = answer.strip().split("\t")
        functions = self._control.query("SELECT name FROM system.table_functions", "TSV").bytes().decode()
        self.guard = Guard(functions.split())

    def connect(self, login: Login) -> Handle:
        """Open a new session; takes about 0.1 ms."""
        return Handle(self._connect(), self.profile, login)

    def kill(self, path: str) -> bool:
        """Cancel the query that reads from or writes to `path`; return whether there was one."""
        mark = literal(f"FILE {literal(path)} ")
        with self._control_lock:
            found = self._control.query(f"KILL QUERY WHERE position(query, {mark}) > 0 ASYNC", "TSV")
            return bool(found.bytes())

    @property
    def set_aside(self) -> Path | None:
        """The newest store that did not open, until it is deleted. Its data must be rebuilt from the log."""
        return max(self._folder.glob("store.broken-*"), default=None)

    def trouble(self) -> str | None:
        """The reason why the store cannot take inserts now; `None` if it can."""
        if not self._path.is_dir():
            return f"the store's folder {self._path} is missing: restart the warehouse and rebuild it from the log"
        disk = os.statvfs(self._path)
        free = disk.f_bavail * disk.f_frsize
        if free < FREE_BYTES:
            return f"the disk under {self._folder} is full ({free} bytes free): free some space, and inserts continue"
        return None

    def require_moved(self) -> None:
        """Check that nothing needs the disk with the replaced key any more.

        Raises:
            CannotStart: a part is still there, or a change of rows is not complete.
        """
        parts = "SELECT count() FROM system.parts WHERE active AND disk_name = "
        for waiting in (parts + literal(REPLACED), "SELECT count() FROM system.mutations WHERE NOT is_done"):
            if left := int(self._control.query(waiting, "TSV").bytes().decode()):
                raise CannotStart(f"{left} parts or changes of rows in {self._path} wait: replace the key again", 75)

    def close(self) -> None:
        self._control.close()
        self._lock.close()

    def _open(self) -> Connection:
        _define_default(self._path / "metadata")
        with _native_stderr() as captured:
            try:
                connection = self._connect()
                connection.query(f"DROP DATABASE {OVERLAY}", "Null")
                connection.query("SELECT sum(total_rows) FROM system.tables WHERE engine LIKE '%MergeTree'", "Null")
            except RuntimeError as error:
                raise _Unreadable(f"{error} {captured()}".strip()) from error
        return connection

    def _encrypt(self, disk: str) -> None:
        """Move parts from a disk without a key, or with a former one: a merge with them would stay there."""
        there = "SELECT DISTINCT database, table, partition_id FROM system.parts WHERE active AND disk_name = "
        rows = self._control.query(there + literal(disk), "TSV").bytes().decode().splitlines()
        for database, table, partition in (row.split("\t") for row in rows):
            _log.warning("encrypting partition %s of %s.%s", partition, database, table)
            whole = f"{name(database)}.{name(table)}"
            move = f"ALTER TABLE {whole} MOVE PARTITION ID {literal(partition)} TO DISK '{ENCRYPTED}'"
            self._control.query(move, "Null")

    def _replace(self, reason: str, clock: Clock) -> Connection:
        """Move the store away and open an empty one, unless the reason is outside the store."""
        failure = CannotStart(
            f"cannot open {self._path}: {reason} Nothing was changed; correct this and start again", 75
        )
        if _EXTERNAL_CAUSES.search(reason):
            raise failure
        aside = self._path.with_name(f"store.broken-{clock.now():%Y%m%dT%H%M%SZ}")
        self._path.rename(aside)
        try:
            fresh = self._open()
        except _Unreadable:
            shutil.rmtree(self._path, ignore_errors=True)
            aside.rename(self._path)
            raise failure from None
        _log.critical("the store did not open and was moved to %s; starting EMPTY, rebuild it from the log", aside)
        _log.critical("the reason was: %s", reason)
        return fresh

    def _connect(self) -> Connection:
        return connect(f"{self._path}?config-file={self._config}")


def _define_default(metadata: Path) -> None:
    """Make `default` a database of tables.

    Without a definition, the library adds files to `default`, and a name that is not a table is then a path. A store of
    an older version has a link to its tables; the definition keeps its target, and the library creates the link again.
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
    """An advisory lock that ends with its process; the file contains the process id."""

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
            f"cannot use the data folder {folder} ({error.strerror}): make it a folder that this user can write to", 75
        ) from error


@contextmanager
def _native_stderr() -> Iterator[Callable[[], str]]:
    """Capture what the engine prints while it opens, because its exception does not contain the reason."""
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)

        def captured() -> str:
            caught.seek(0)
            return " ".join(caught.read(4000).decode(errors="replace").split())

        try:
            yield captured
        finally:
            os.dup2(kept, 2)
            os.close(kept)
