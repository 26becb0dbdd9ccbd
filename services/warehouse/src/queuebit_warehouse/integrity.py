"""Whether what is stored can still be read: every part is checked against its checksums, and a damaged one set aside.

A damaged part would fail every query that touches it, for ever. Detached, it stays on disk, and its rows are missing
instead: telemetry sees that and fills the table again.
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
"""Numbers of errors by which the engine says that it cannot read what it stored. Bad input has some of them, too."""
_GONE: Final = frozenset({60, 232})
"""A table or part that was there a moment ago: dropped, or merged into another."""

_EVERY_S = 60.0
_SHARE = 100
"""How much longer the pause after a check is than the check, so that checking takes at most one percent of the time."""
_PAUSE_S = 2.0
"""From one check to the next at least, however many queries fail; after a long check as long as that took."""
_PARTS: Final = (
    b"SELECT database, table, name FROM system.parts WHERE active AND database NOT IN ('system') ORDER BY ALL"
)


class Integrity:
    """Checks all parts when it starts, now and then, and when a query met damage. Works on a thread of its own."""

    def __init__(self, connect: Callable[[], Handle], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._suspicious = Event()
        self._stopping = Event()
        self._thread = Thread(target=self._watch, name="integrity", daemon=True)
        self.trouble: str | None = None
        """Damage that could not be set aside."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when no check runs any more."""
        self._stopping.set()
        self._suspicious.set()
        self._thread.join()

    def suspect(self, error: DatabaseError) -> None:
        """Have everything checked soon if this is how damage shows."""
        if error.number in _DAMAGE:
            self._suspicious.set()

    def check(self) -> None:
        """Check every part, and detach those that are damaged.

        Raises:
            DatabaseError: the engine does not say what there is.
            RuntimeError: it opens no session.
        """
        handle = self._connect()
        try:
            failures = [failure for part in _parts(handle) if (failure := self._judge(handle, *part)) is not None]
        finally:
            handle.close()
        self.trouble = failures[0] if failures else None

    def _judge(self, handle: Handle, table: str, part: str) -> str | None:
        """Detach the part if it is damaged; say what is wrong if it cannot be checked or detached."""
        if self._stopping.is_set():
            return None
        try:
            if _is_sound(handle, table, part):
                return None
        except DatabaseError as error:
            return _unless_gone(error, f"part {part} of {table} cannot be checked: {error.text}; this is tried again")
        try:
            handle.run(f"ALTER TABLE {table} DETACH PART {literal(part)}".encode(), {})
        except DatabaseError as error:
            what = f"part {part} of {table} is damaged and cannot be set aside"
            return _unless_gone(error, f"{what}: {error.text}; run `qb warehouse rebuild`")
        _log.critical("part %s of %s is damaged and was set aside: its rows are missing now", part, table)
        return None

    def _watch(self) -> None:
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            try:
                self.check()
            except (DatabaseError, RuntimeError) as error:  # the latter: there was no session to check in
                self.trouble = f"what is stored cannot be checked: {error}"
            took = self._clock.monotonic() - began
            self._stopping.wait(max(_PAUSE_S, took))
            self._suspicious.wait(max(_EVERY_S, _SHARE * took))
            self._suspicious.clear()


def _parts(handle: Handle) -> Iterator[tuple[str, str]]:
    rows, _ = handle.run(_PARTS, {})
    for row in rows.decode().splitlines():
        database, table, part = row.split("\t")
        yield f"{name(database)}.{name(table)}", part


def _unless_gone(error: DatabaseError, trouble: str) -> str | None:
    return None if error.number in _GONE else trouble


def _is_sound(handle: Handle, table: str, part: str) -> bool:
    check = f"CHECK TABLE {table} PART {literal(part)} SETTINGS check_query_single_value_result = 1, max_threads = 1"
    try:
        answer, _ = handle.run(check.encode(), {})
    except DatabaseError as error:
        if error.number in _DAMAGE:
            return False
        raise
    return answer.strip() == b"1"
