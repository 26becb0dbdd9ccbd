"""Errors with ClickHouse's numbers, and errors at startup."""

from __future__ import annotations

import re
from http import HTTPStatus

from queuebit_kernel import Unavailable

__all__ = ["CannotStart", "DatabaseError", "Disconnected", "Overloaded"]

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*?)\s*(?:\(version [^)]*\)\.?)?\s*$", re.DOTALL)
_PIPE_NAMES = re.compile(
    r": ?\(in file/uri /dev/fd/\d+\)|: While executing File\b|: data for INSERT was parsed from file"
)
"""Parts of the engine's messages about our internal pipes; they are removed from the text for clients."""
_NAMED = re.compile(r"\([A-Z][A-Z0-9_]+\)$")

_BAD_REQUEST = frozenset(
    {6, 8, 15, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 67, 72, 117, 167, 168, 170, 171, 321, 376, 427, 441, 676, 677}
)
"""Error numbers that the text or data of the request causes."""
_NOT_FOUND = frozenset({46, 47, 50, 56, 60, 63, 73, 78, 81, 99, 115, 336, 511})
"""Error numbers for unknown names: table, database, setting, function, format."""
_STATUS = {
    **dict.fromkeys(_BAD_REQUEST, HTTPStatus.BAD_REQUEST),
    **dict.fromkeys(_NOT_FOUND, HTTPStatus.NOT_FOUND),
    194: HTTPStatus.UNAUTHORIZED,
    192: HTTPStatus.FORBIDDEN,
    193: HTTPStatus.FORBIDDEN,
    497: HTTPStatus.FORBIDDEN,
    512: HTTPStatus.FORBIDDEN,
    516: HTTPStatus.FORBIDDEN,
    335: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    159: HTTPStatus.REQUEST_TIMEOUT,
    48: HTTPStatus.NOT_IMPLEMENTED,
    76: HTTPStatus.SERVICE_UNAVAILABLE,
    209: HTTPStatus.SERVICE_UNAVAILABLE,
    439: HTTPStatus.SERVICE_UNAVAILABLE,
}


class DatabaseError(Exception):
    """An error as a ClickHouse server reports it.

    Attributes:
        number: ClickHouse's error number; clients read it from `X-ClickHouse-Exception-Code`.
        text: the message; it ends with the name of the error in brackets.
    """

    def __init__(self, number: int, text: str, name: str = "") -> None:
        self.number = number
        self.text = f"{text} ({name})" if name and not _NAMED.search(text) else text
        super().__init__(self.text)

    @classmethod
    def from_engine(cls, error: RuntimeError | UnicodeDecodeError) -> DatabaseError:
        """Parse the number from the engine's text; a text without a number is error 1001, as in ClickHouse.

        The library raises `UnicodeDecodeError` if its text quotes bytes of the statement that are not UTF-8.
        """
        message = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        found = _ENGINE_TEXT.match(_PIPE_NAMES.sub("", message))
        if found is None:
            return cls(1001, f"std::exception. {message}", "STD_EXCEPTION")
        inner = _ENGINE_TEXT.match(found[2].rpartition(". (")[0])
        return cls.from_engine(RuntimeError(inner[0])) if inner else cls(int(found[1]), found[2])

    @property
    def status(self) -> int:
        """The HTTP status for this number, as in ClickHouse."""
        return _STATUS.get(self.number, HTTPStatus.INTERNAL_SERVER_ERROR)

    def body(self, version: str) -> str:
        return f"Code: {self.number}. DB::Exception: {self.text} (version {version})\n"


class Overloaded(DatabaseError):
    """Every worker is busy and the queue is full."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            202,
            f"Too many simultaneous queries. Maximum: {limit}. Try again, or raise QUEUEBIT_WAREHOUSE_WORKERS",
            "TOO_MANY_SIMULTANEOUS_QUERIES",
        )


class Disconnected(Exception):
    """The client disconnected before its request ended."""


class CannotStart(Unavailable):
    """The service refuses to start; the text says what to do.

    Fault
    └── Unavailable
        └── CannotStart   port taken (69), data folder in use (75), configuration (78)
    """

    code = "warehouse.cannot_start"

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code
