"""Queries the warehouse of a home, as analyst or as a tenant's user. Both are read-only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

from queuebit.credentials import Credential
from queuebit_contracts.tables import derived_columns
from queuebit_kernel import SystemClock
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.tickets import ticket
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack

__all__ = [
    "Answer",
    "Login",
    "analyst_of",
    "asking",
    "in_short",
    "member",
    "query",
    "query_parameters",
    "records",
    "rows",
    "unbroken",
    "unreadable",
]

_EVERYTHING = f"SELECT count() FROM events WHERE NOT ignore(*, {', '.join(derived_columns())})"  # noqa: S608
_RECORDS = {"output_format_json_quote_decimals": "1", "output_format_json_quote_64bit_integers": "0"}
_TIMEOUT_S = 300
_TICKET_S = 60
_CHUNK = 1 << 16
_ALTERNATIVES = re.compile(r"\s*Expected one of: .*?(?=\s\([A-Z_]+\)(?:\s\(version|\s*$))", re.DOTALL)
_UNKNOWN_TABLE = "Code: 60."
_TABLES = "`qb sql 'SHOW TABLES'` lists tables and views, `qb sql 'DESCRIBE TABLE events'` the columns of one"


@dataclass(frozen=True, slots=True)
class Login:
    """User and password for the warehouse."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of the warehouse, streamed."""

    status: int
    format: str | None
    """Format of the rows; None if a statement has no rows."""
    chunks: Iterator[bytes]
    """The body. A query that fails while it streams raises `Stop`."""


def analyst_of(home: Home) -> Login:
    """The login that reads everything.

    Raises:
        Stop: the home has none yet.
    """
    try:
        return Login("analyst", read_secret(home.analyst_password))
    except FileNotFoundError:
        text = f"{home.analyst_password} is missing: {home.command('down')}, then {home.command('up')} creates it"
        raise Stop(Exit.UNREACHABLE, text) from None
    except (OSError, ValueError) as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error


def member(credential: Credential, seconds: int = _TICKET_S) -> Login:
    """A login that reads the rows of one tenant: derived from a user's token, with an expiry."""
    expires = int(SystemClock().now().timestamp()) + seconds
    password = ticket(credential.seed, credential.tenant, credential.user, expires)
    return Login(f"{credential.tenant}/{credential.user}", password)


def query(home: Home, stack: Stack, sql: str, **parameters: str) -> tuple[int, bytes]:
    """Run a query; return status and body. Rows are JSON, with decimals as text.

    Raises:
        Stop: it does not answer.
    """
    settings = {"output_format_json_quote_decimals": "1"}
    settings |= query_parameters(parameters)
    with asking(stack, analyst_of(home), sql, "JSONCompact", settings) as answer:
        return answer.status, b"".join(answer.chunks)


def query_parameters(values: Mapping[str, str]) -> dict[str, str]:
    """Values for the placeholders of a query, as settings; ClickHouse reads each as one field of TSV."""
    escapes = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})
    return {f"param_{name}": value.translate(escapes) for name, value in values.items()}


def rows(home: Home, stack: Stack, sql: str, parameters: Mapping[str, str] | None = None) -> list[list[Any]]:
    """Run a query as the analyst; return its rows, with decimals as text.

    Raises:
        Stop: the warehouse does not answer, or refuses the query.
    """
    status, body = query(home, stack, sql, **(parameters or {}))
    found: list[list[Any]] = json.loads(_accepted(status, body))["data"]
    return found


def records(stack: Stack, login: Login, sql: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Run a query; return its rows by column, with decimals as text and integers as numbers. Raises as `rows`."""
    with asking(stack, login, sql, "JSONEachRow", _RECORDS | query_parameters(values)) as answer:
        body = b"".join(answer.chunks)
    return [json.loads(line) for line in _accepted(answer.status, body).splitlines()]


def unreadable(home: Home, stack: Stack) -> str | None:
    """Read every value of every event; return the warehouse's error if it cannot."""
    try:
        status, body = query(home, stack, _EVERYTHING)
    except Stop as stop:
        return str(stop)
    return None if status == 200 else in_short(body.decode(errors="replace"))


def _accepted(status: int, body: bytes) -> bytes:
    if status != 200:
        raise Stop(Exit.REFUSED, f"the warehouse refused: {in_short(body.decode(errors='replace'))}")
    return body


@contextmanager
def asking(stack: Stack, login: Login, sql: str, default_format: str, settings: Mapping[str, str]) -> Iterator[Answer]:
    """Run a query and stream the answer; leaving the block early ends the query.

    Raises:
        Stop: the warehouse does not answer.
    """
    headers = {
        "X-ClickHouse-User": login.user,
        "X-ClickHouse-Key": login.password,
        "X-ClickHouse-Format": default_format,
    }
    address = urlsplit(stack.listens["warehouse"])
    connection = HTTPConnection(str(address.hostname), address.port, timeout=_TIMEOUT_S)
    try:
        with _reaching(stack):
            connection.request("POST", f"/?{urlencode(settings)}", sql.encode(), headers)
            response = connection.getresponse()
        tag = response.headers.get("X-ClickHouse-Exception-Tag")
        chunks = _chunks(response, stack)
        yield Answer(
            response.status, response.headers.get("X-ClickHouse-Format"), unbroken(chunks, tag) if tag else chunks
        )
    finally:
        connection.close()


def in_short(text: str) -> str:
    """ClickHouse's error without the long list of expected tokens."""
    message = _ALTERNATIVES.sub("", text.strip())
    return f"{message}\n{_TABLES}" if message.startswith(_UNKNOWN_TABLE) else message


def _chunks(response: HTTPResponse, stack: Stack) -> Iterator[bytes]:
    while True:
        with _reaching(stack):
            chunk = response.read(_CHUNK)
        if not chunk:
            return
        yield chunk


def unbroken(chunks: Iterator[bytes], tag: str) -> Iterator[bytes]:
    """The rows without an error after them.

    Raises:
        Stop: the query failed after its first rows; the error follows them, after a marker with this tag.
    """
    mark = f"\r\n__exception__\r\n{tag}\r\n".encode()
    held = b""
    for chunk in chunks:
        held += chunk
        if mark in held:
            rows, _, begun = held.partition(mark)
            yield rows
            message, _, _ = (begun + b"".join(chunks)).partition(f" {tag}".encode())
            raise Stop(Exit.REFUSED, in_short(message.decode(errors="replace").rstrip("0123456789")))
        if len(held) > len(mark):  # the marker may begin at the end of this chunk
            yield held[: -len(mark)]
            held = held[-len(mark) :]
    yield held


@contextmanager
def _reaching(stack: Stack) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as error:
        raise Stop(
            Exit.UNREACHABLE, f"the warehouse does not answer ({error}): see {stack.overview_command}"
        ) from error
