"""One connection of the engine, which is one ClickHouse session with its settings, database and temporary tables."""

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
_IGNORED = frozenset({"readonly"})
"""Settings that are ignored: clients that only read send `readonly`, and it is always set for readers."""


class Kind(Enum):
    """The effect of a statement, from the engine's parser."""

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

    The settings and database of a request are applied before its query and reset before the next one; the effects of
    SET and USE statements stay. A reader's handle serves one request, and is locked after its settings are applied.
    """

    def __init__(self, connection: Connection, profile: Mapping[str, str], login: Login) -> None:
        self._connection = connection
        self._login = login
        self._kept = {key: literal(value) for key, value in profile.items()}
        self._applied_settings: dict[str, str] = {}
        self._home = self._here = "default"

    @property
    def writes(self) -> bool:
        """Whether its user may change data."""
        return self._login.writes

    def apply_settings(self, database: str, settings: Mapping[str, str]) -> None:
        """Apply the settings and database of one request.

        Raises:
            DatabaseError: unknown setting, value or database, or a setting that a reader may not change.
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
        """Return the kind of a statement without running it.

        Raises:
            DatabaseError: the text is empty or has several statements, or a user of some tenants sends EXPLAIN or
                CHECK, which reveal data of indexes and parts about other tenants' rows.
        """
        if self._login.tenants is not None and any(token.word == "EXPLAIN" for token in tokens(statement)):
            raise DatabaseError(497, "EXPLAIN is only for users who may read the rows of all tenants", "ACCESS_DENIED")
        if self._login.tenants is not None and first_word(statement) == "CHECK":  # it also reads all there is
            raise DatabaseError(497, "CHECK is only for users who may read the rows of all tenants", "ACCESS_DENIED")
        verdict = self._connection.classify_query(statement)
        if verdict["statement_count"] > 1:
            raise DatabaseError(62, "Syntax error (Multi-statements are not allowed)", "SYNTAX_ERROR")
        if not first_word(statement) and not statement.strip(b"; \r\n\t"):
            raise DatabaseError(62, "Syntax error: Empty query", "SYNTAX_ERROR")
        return Kind(int(verdict["query_class"]))

    def run(self, statement: bytes, params: Mapping[str, str]) -> tuple[bytes, Stats]:
        """Run a statement and return its result; for small results only.

        Raises:
            DatabaseError: the engine refused or failed.
        """
        try:
            result = self._connection.query(statement, "TabSeparated", params=dict(params))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise DatabaseError.from_engine(error) from error
        self._record_change(statement)
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
        """Make the engine refuse every change, also of settings, and show only the rows of the user's tenants."""
        tenants = self._login.tenants
        whose = "" if tenants is None else f"log_comment = {literal(TENANT_MARK + ','.join(tenants))}, "
        self._command(f"SET {whose}readonly = 1")

    def _command(self, statement: str) -> None:
        try:
            self._connection.query(statement, "Null")
        except RuntimeError as error:
            raise DatabaseError.from_engine(error) from error

    def _record_change(self, statement: bytes) -> None:
        """Record the changes of a SET or USE statement, so that the reset after a request keeps them."""
        verb = first_word(statement)
        if verb == "SET":
            changed = assignments(statement)
            self._kept.update(changed)
            self._applied_settings = {key: value for key, value in self._applied_settings.items() if key not in changed}
        elif verb == "USE":
            current = self._connection.query("SELECT currentDatabase()", "RawBLOB").bytes().decode()
            self._home = self._here = current


def _for_readers(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a reader's request.

    Raises:
        DatabaseError: a setting affects more than the format of the response.
    """
    for key in settings:
        if not (_READERS_MAY_SET.fullmatch(key) or key in _IGNORED):
            raise DatabaseError(164, f"Cannot modify '{key}' setting in readonly mode", "READONLY")
    return {key: value for key, value in settings.items() if key not in _IGNORED}
