"""What can go wrong, in ClickHouse's own numbers, and what stops the service from starting."""

from __future__ import annotations

import re
from http import HTTPStatus

from queuebit_kernel import Unavailable

__all__ = ["CannotStart", "DatabaseError", "Disconnected", "Overloaded"]

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. (?:DB::Exception: )?(.*?)\s*(?:\(version [^)]*\)\.?)?\s*$", re.DOTALL)
_OUR_PIPES = re.compile(
    r": ?\(in file/uri /dev/fd/\d+\)|: While executing File\b|: data for INSERT was parsed from file"
)
"""How the engine tells of the pipes that rows come in by, which are no business of who sent them."""
_NAMED = re.compile(r"\([A-Z][A-Z0-9_]+\)$")

_BAD_REQUEST = frozenset(
    {6, 8, 15, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 67, 72, 117, 167, 168, 170, 171, 321, 376, 427, 441, 676, 677}
)
"""Numbers whose cause is the text or the data of the request."""
_NOT_FOUND = frozenset({46, 47, 50, 56, 60, 63, 73, 78, 81, 99, 115, 336, 511})
"""Numbers that say a name is unknown: table, database, setting, function, format."""
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
    """A refusal as a ClickHouse server words it.

    Attributes:
        number: ClickHouse's error number; clients read it from `X-ClickHouse-Exception-Code`.
        text: the message, ending with the number's name in brackets.
    """

    def __init__(self, number: int, text: str, name: str = "") -> None:
        self.number = number
        self.text = f"{text} ({name})" if name and not _NAMED.search(text) else text
        super().__init__(self.text)

    @classmethod
    def from_engine(cls, error: RuntimeError | UnicodeDecodeError) -> DatabaseError:
        """Read the number out of the engine's text; a text without one is error 1001, as for any foreign exception.

        A text that quotes bytes of the statement may be no UTF-8, which the library raises in its own way.
        """
        message = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
        found = _ENGINE_TEXT.match(_OUR_PIPES.sub("", message))
        if found is None:
            return cls(1001, f"std::exception. {message}", "STD_EXCEPTION")
        inner = _ENGINE_TEXT.match(found[2].rpartition(". (")[0])
        return cls.from_engine(RuntimeError(inner[0])) if inner else cls(int(found[1]), found[2])

    @property
    def status(self) -> int:
        """The HTTP status a server answers this number with."""
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
