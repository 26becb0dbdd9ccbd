"""The one place that touches the library: its low-level connection, with the types it lacks.

The public wrapper hides statement classification and wraps errors; the connection underneath is what it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

from chdb import _chdb

__all__ = ["Connection", "Result", "connect"]


class Result(Protocol):
    """What a finished query tells."""

    def bytes(self) -> bytes: ...

    def rows_read(self) -> int:
        """Rows of the result."""

    def bytes_read(self) -> int:
        """Bytes of the result, in columns."""

    def storage_rows_read(self) -> int: ...

    def storage_bytes_read(self) -> int: ...

    def rows_written(self) -> int: ...

    def bytes_written(self) -> int: ...

    def elapsed(self) -> float:
        """Seconds."""


class Writing(Protocol):
    """An insert under way; only the connection that began it can use it."""


class Connection(Protocol):
    """A session of the engine. Every method raises `RuntimeError` with the engine's text."""

    def query(self, statement: bytes | str, format_name: str, /, *, params: Mapping[str, str] = ...) -> Result: ...

    def classify_query(self, sql: bytes) -> Mapping[str, int]: ...

    def send_insert(self, statement: bytes, format_name: str, /) -> Writing: ...

    def insert_append(self, insert_result: Writing, data: bytes) -> None: ...

    def insert_done(self, insert_result: Writing) -> Result: ...

    def insert_cancel(self, insert_result: Writing) -> None: ...

    def close(self) -> None: ...


def connect(path: str) -> Connection:
    """Open a session on a folder; the first one starts the engine, which then belongs to that folder."""
    return cast("Connection", _chdb.connect(path))  # type: ignore[attr-defined]  # a compiled module without stubs
