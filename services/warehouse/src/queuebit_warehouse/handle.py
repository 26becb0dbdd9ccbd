"""One connection of the engine, which is one ClickHouse session: settings, database and temporary tables of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from queuebit_warehouse.config import TENANT_MARK
from queuebit_warehouse.dialect import Stats
from queuebit_warehouse.engine import Connection
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.logins import Login
from queuebit_warehouse.sql import assignments, first_word, literal, name, tokens

__all__ = ["Handle", "Kind"]


_READERS_MAY_SET = re.compile(r"output_format_\w+|http_\w+|enable_http_compression|session_timezone|max_execution_time")
_LEFT_OUT = frozenset({"readonly"})
"""Sent by clients that know they only read; it is set in any case."""


class Kind(Enum):
    """What a statement would do, as the engine's own parser judges it."""

    READS = 0
    WRITES = 1
    ADMINISTERS = 2
    CONTROLS = 3
    UNREADABLE = 4

    @property
    def changes(self) -> bool:
        return self in {Kind.WRITES, Kind.ADMINISTERS, Kind.CONTROLS}


class Handle:
    """A session. Serves one query at a time, from any thread.

    A request's settings and database are applied before its query and reset before the next one; the effects of the
    session's own SET and USE stay. A reader's handle serves one request, and is locked once its settings are applied.
    """

    def __init__(self, connection: Connection, profile: Mapping[str, str], login: Login) -> None:
        self._connection = connection
        self._login = login
        self._kept = {key: literal(value) for key, value in profile.items()}
        self._applied_settings: dict[str, str] = {}
        self._home = self._here = "default"

    @property
    def writes(self) -> bool:
        """Whether its user may change anything."""
        return self._login.writes

    def apply_settings(self, database: str, settings: Mapping[str, str]) -> None:
        """Put on one request's settings and database.

        Raises:
            DatabaseError: unknown setting, value or database, or a setting that is not a reader's to choose.
        """
        if not self._login.writes:
            settings = _for_readers(settings)
        changes = {key: literal(value) for key, value in settings.items() if self._applied_settings.get(key) != value}
        changes |= {key: self._kept.get(key, "DEFAULT") for key in self._applied_settings if key not in settings}
        if changes:
            self._command("SET " + ", ".join(f"{key} = {value}" for key, value in changes.items()))
            self._applied_settings = dict(settings)
        wanted = database or self._home
        if wanted != self._here:
            self._command(f"USE {name(wanted)}")
            self._here = wanted
        if not self._login.writes:
            self._lock()

    def classify(self, statement: bytes) -> Kind:
        """Judge a statement without running it.

        Raises:
            DatabaseError: it is empty, or more than one, or a tenant's user asks how it would run: that shows what the
                indexes know of other tenants' rows.
        """
        if self._login.tenant is not None and any(token.word == "EXPLAIN" for token in tokens(statement)):
            raise DatabaseError(497, "EXPLAIN is for those who may read everything", "ACCESS_DENIED")
        verdict = self._connection.classify_query(statement)
        if verdict["statement_count"] > 1:
            raise DatabaseError(62, "Syntax error (Multi-statements are not allowed)", "SYNTAX_ERROR")
        if not first_word(statement) and not statement.strip(b"; \r\n\t"):
            raise DatabaseError(62, "Syntax error: Empty query", "SYNTAX_ERROR")
        return Kind(int(verdict["query_class"]))

    def run(self, statement: bytes, params: Mapping[str, str]) -> tuple[bytes, Stats]:
        """Run a statement to its end; the answer is for small results only.

        Raises:
            DatabaseError: the engine refused or failed.
        """
        try:
            result = self._connection.query(statement, "TabSeparated", params=dict(params))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise DatabaseError.from_engine(error) from error
        self._remember(statement)
        return result.bytes(), Stats(
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read() or result.rows_written(),
            result_bytes=result.bytes_read() or result.bytes_written(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )

    def close(self) -> None:
        self._connection.close()

    def _lock(self) -> None:
        """Have the engine refuse every change, of settings too, and give a tenant's user its own rows alone."""
        whose = "" if self._login.tenant is None else f"log_comment = {literal(TENANT_MARK + self._login.tenant)}, "
        self._command(f"SET {whose}readonly = 1")

    def _command(self, statement: str) -> None:
        try:
            self._connection.query(statement, "Null")
        except RuntimeError as error:
            raise DatabaseError.from_engine(error) from error

    def _remember(self, statement: bytes) -> None:
        """Note what the session's own SET or USE changed, so that a request's settings do not undo it."""
        verb = first_word(statement)
        if verb == "SET":
            changed = assignments(statement)
            self._kept.update(changed)
            self._applied_settings = {key: value for key, value in self._applied_settings.items() if key not in changed}
        elif verb == "USE":
            current = self._connection.query("SELECT currentDatabase()", "RawBLOB").bytes().decode()
            self._home = self._here = current


def _for_readers(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a request that only reads.

    Raises:
        DatabaseError: one of them is more than how an answer looks.
    """
    for key in settings:
        if not (_READERS_MAY_SET.fullmatch(key) or key in _LEFT_OUT):
            raise DatabaseError(164, f"Cannot modify '{key}' setting in readonly mode", "READONLY")
    return {key: value for key, value in settings.items() if key not in _LEFT_OUT}
