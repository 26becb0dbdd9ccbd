"""Verifies the checksums of all stored parts, and detaches damaged parts.

Every query that reads a damaged part fails. A detached part stays on disk and its rows are missing; telemetry detects
this and fills the table again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Final

from queuebit_kernel import Clock
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.handle import Handle
from queuebit_warehouse.sql import literal, name

__all__ = ["Integrity"]

_log = logging.getLogger(__name__)

_DAMAGE: Final = frozenset({32, 33, 40, 107, 117, 131, 226, 228, 246, 271, 432})
"""Error numbers of stored data that cannot be read. Invalid input causes some of them, too."""
_MISSING: Final = frozenset({60, 232})
"""Error numbers of a table or part that was dropped or merged since the list was read."""

_EVERY_S = 60.0
_PAUSE_FACTOR = 100
"""The pause after a check, as a multiple of the check's duration: checks take at most one percent of the time."""
_PAUSE_S = 2.0
"""The shortest pause between two checks, also if many queries fail; after a long check, the duration of that check."""
_PARTS: Final = (
    b"SELECT database, table, name FROM system.parts WHERE active AND database NOT IN ('system') ORDER BY ALL"
)


class Integrity:
    """Checks all parts at startup, periodically, and after a query fails on damaged data. Runs on its own thread."""

    def __init__(self, connect: Callable[[], Handle], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._suspicious = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._watch, name="integrity", daemon=True)
        self.trouble: str | None = None
        """A damaged part that could not be detached."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the current check."""
        self._stopping.set()
        self._suspicious.set()
        self._thread.join()

    def suspect(self, error: DatabaseError) -> None:
        """Start a check soon if the error can mean damaged data."""
        if error.number in _DAMAGE:
            self._suspicious.set()

    def check(self) -> None:
        """Check every part, and detach damaged parts.

        Raises:
            DatabaseError: the engine does not list the parts.
            RuntimeError: the engine opens no session.
        """
        handle = self._connect()
        try:
            failures = [failure for part in _parts(handle) if (failure := self._check_part(handle, *part)) is not None]
        finally:
            handle.close()
        self.trouble = failures[0] if failures else None

    def _check_part(self, handle: Handle, table: str, part: str) -> str | None:
        """Detach the part if it is damaged; return the problem if it cannot be checked or detached."""
        if self._stopping.is_set():
            return None
        try:
            if _is_intact(handle, table, part):
                return None
        except DatabaseError as error:
            return _unless_missing(
                error, f"part {part} of {table} cannot be checked: {error.text}; the warehouse tries again"
            )
        try:
            handle.run(f"ALTER TABLE {table} DETACH PART {literal(part)}".encode(), {})
        except DatabaseError as error:
            what = f"part {part} of {table} is damaged and cannot be detached"
            return _unless_missing(error, f"{what}: {error.text}; run `qb warehouse rebuild`")
        _log.critical("part %s of %s is damaged and was detached: its rows are missing now", part, table)
        return None

    def _watch(self) -> None:
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            try:
                self.check()
            except (DatabaseError, RuntimeError) as error:  # RuntimeError: there was no session for the check
                self.trouble = f"the stored data cannot be checked: {error}"
            took = self._clock.monotonic() - began
            self._stopping.wait(max(_PAUSE_S, took))
            self._suspicious.wait(max(_EVERY_S, _PAUSE_FACTOR * took))
            self._suspicious.clear()


def _parts(handle: Handle) -> Iterator[tuple[str, str]]:
    rows, _ = handle.run(_PARTS, {})
    for row in rows.decode().splitlines():
        database, table, part = row.split("\t")
        yield f"{name(database)}.{name(table)}", part


def _unless_missing(error: DatabaseError, trouble: str) -> str | None:
    return None if error.number in _MISSING else trouble


def _is_intact(handle: Handle, table: str, part: str) -> bool:
    check = f"CHECK TABLE {table} PART {literal(part)} SETTINGS check_query_single_value_result = 1, max_threads = 1"
    try:
        answer, _ = handle.run(check.encode(), {})
    except DatabaseError as error:
        if error.number in _DAMAGE:
            return False
        raise
    return answer.strip() == b"1"
