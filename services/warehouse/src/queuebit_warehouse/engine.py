"""The only module that uses chDB: its low-level connection, with types.

The public wrapper of chDB does not offer statement classification; the low-level connection does. Its streaming insert
is not used: in 4.4.0 it reports success for rows that were not stored (full disk, constraint, failing view).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Protocol, cast

_ARROW = "pyarrow"
_without_arrow = _ARROW not in sys.modules
if _without_arrow:
    # The library imports it for result types that are not used here; this saves half a second and 36 MB.
    sys.modules[_ARROW] = None  # type: ignore[assignment]  # the import system's mark for a missing module
try:
    from chdb import _chdb
finally:
    if _without_arrow:
        del sys.modules[_ARROW]

__all__ = ["Connection", "Result", "connect"]


class Result(Protocol):
    """The result and statistics of a finished query."""

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


class Connection(Protocol):
    """A session of the engine. Every method raises `RuntimeError` with the engine's text."""

    def query(self, statement: bytes | str, format_name: str, /, *, params: Mapping[str, str] = ...) -> Result: ...

    def classify_query(self, sql: bytes) -> Mapping[str, int]: ...

    def close(self) -> None: ...


def connect(path: str) -> Connection:
    """Open a session on a folder. The first session starts the engine, which uses only that folder."""
    return cast("Connection", _chdb.connect(path))  # type: ignore[attr-defined]  # a compiled module without stubs
