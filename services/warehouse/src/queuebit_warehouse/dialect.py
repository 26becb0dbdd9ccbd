"""Parses requests of ClickHouse's HTTP interface, and builds headers of responses. Pure functions."""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from queuebit_warehouse.errors import DatabaseError

__all__ = [
    "Credentials",
    "ExternalTable",
    "QueryRequest",
    "Stats",
    "choose_encoding",
    "content_type",
    "credentials",
    "external_table",
    "parse_request",
]

_RESERVED = frozenset(
    {
        "query",
        "user",
        "password",
        "database",
        "default_format",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "stacktrace",
        "compress",
        "decompress",
        "client_protocol_version",
        "wait_end_of_query",
        "buffer_size",
        "role",
        "close_session",
    }
)
"""Keys of the query string that are not settings."""

_BUFFER_BYTES = 1 << 20
"""Bytes of a result that are buffered before the status line is sent, as in ClickHouse."""

_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_FORMAT = re.compile(r"[A-Za-z0-9_]*")
_EXTERNAL = ("_format", "_types", "_structure")
_ENCODINGS = ("lz4", "zstd", "gzip", "deflate")
_CONTENT_TYPES = {
    "json": "application/json; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header={header}",
    "tab": "text/tab-separated-values; charset=UTF-8",
    "xml": "application/xml; charset=UTF-8",
    "html": "text/html; charset=UTF-8",
    "text": "text/plain; charset=UTF-8",
    "bytes": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """A temporary table that the request contains; it exists while the query runs."""

    name: str
    structure: str
    format: str


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """The parts of a request, without its body.

    `settings` and `database` apply to this query only; a session keeps only the effects of its SET and USE statements.
    """

    query: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    database: str
    default_format: str
    query_id: str
    session_id: str
    session_timeout: int
    session_check: bool
    close_session: bool
    read_only: bool
    wait_end: bool
    buffer_bytes: int
    compress: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """Rows and bytes that a query read, wrote and returned."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def summary(self) -> str:
        """Return the value of `X-ClickHouse-Summary`, with numbers as strings."""
        counts = {
            "read_rows": self.read_rows,
            "read_bytes": self.read_bytes,
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": self.read_rows,
            "result_rows": self.result_rows,
            "result_bytes": self.result_bytes,
            "elapsed_ns": self.elapsed_ns,
        }
        return json.dumps({key: str(value) for key, value in counts.items()}, separators=(",", ":"))


def parse_request(
    method: str, query: Iterable[tuple[str, str]], headers: Mapping[str, str], *, external: bool = False
) -> QueryRequest:
    """Split the keys of a request into statement, settings, parameters and the rest.

    The last value of a repeated key counts; the values of `query` are joined with line feeds.

    Raises:
        DatabaseError: a key has an invalid value, or asks for a feature that this service does not have.
    """
    pairs = list(query)
    keys = dict(pairs)
    for refused in ("compress", "decompress"):
        if _flag(keys, refused):
            raise DatabaseError(
                48, f"{refused}=1 (native block compression) is not available: use Content-Encoding", "NOT_IMPLEMENTED"
            )
    if keys.get("role"):
        raise DatabaseError(511, f"Role {keys['role']} is not found", "UNKNOWN_ROLE")
    settings = {key: value for key, value in keys.items() if _is_setting(key, external=external)}
    return QueryRequest(
        query="\n".join(value for key, value in pairs if key == "query"),
        settings=settings,
        params={key.removeprefix("param_"): value for key, value in keys.items() if key.startswith("param_")},
        database=keys.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=_format(keys.get("default_format") or headers.get("x-clickhouse-format", "")),
        query_id=keys.get("query_id") or str(uuid.uuid4()),
        session_id=keys.get("session_id", ""),
        session_timeout=_session_timeout(keys.get("session_timeout", "60")),
        session_check=_flag(keys, "session_check"),
        close_session=_flag(keys, "close_session"),
        read_only=method != "POST",
        wait_end=_flag(keys, "wait_end_of_query") or settings.get("http_wait_end_of_query", "0") in {"1", "true"},
        buffer_bytes=int(keys["buffer_size"]) if keys.get("buffer_size", "").isdecimal() else _BUFFER_BYTES,
        compress=settings.get("enable_http_compression", "0") in {"1", "true"},
    )


def credentials(query: Mapping[str, str], headers: Mapping[str, str]) -> Credentials:
    """Return user and password from ClickHouse's headers, basic authentication or the query string, in this order.

    Raises:
        DatabaseError: the request uses two ways, or an Authorization header that is not basic.
    """
    own_headers = "x-clickhouse-user" in headers or "x-clickhouse-key" in headers
    in_query = "user" in query or "password" in query
    header = headers.get("authorization", "")
    if own_headers + in_query + bool(header) > 1:
        raise DatabaseError(
            516,
            "Invalid authentication: it is not allowed to use several ways of authentication at once",
            "AUTHENTICATION_FAILED",
        )
    if own_headers:
        return Credentials(headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", ""))
    if not header:
        return Credentials(query.get("user", "default"), query.get("password", ""))
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise DatabaseError(
            516,
            f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported",
            "AUTHENTICATION_FAILED",
        )
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise DatabaseError(
            516, "Invalid authentication: Basic credentials are not base64", "AUTHENTICATION_FAILED"
        ) from None
    return Credentials(user, password)


def external_table(part: str, keys: Mapping[str, str]) -> ExternalTable:
    """Return the table of a multipart file, from `<part>_structure` or `<part>_types`, and `<part>_format`.

    Raises:
        DatabaseError: the request has neither structure nor types, or the format is not valid.
    """
    structure = keys.get(f"{part}_structure", "")
    if not structure and (types := keys.get(f"{part}_types", "")):
        structure = ", ".join(f"_{place} {kind}" for place, kind in enumerate(_split_types(types), 1))
    if not structure:
        raise DatabaseError(
            36,
            f"External table {part} has no structure: send {part}_structure or {part}_types in the query string",
            "BAD_ARGUMENTS",
        )
    return ExternalTable(part, structure, _format(keys.get(f"{part}_format", "")))


def choose_encoding(accepted: str) -> str | None:
    """Return the cheapest encoding that the client accepts and that can be streamed."""
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
    return next((encoding for encoding in _ENCODINGS if encoding in offered), None)


def content_type(format_name: str) -> str:
    """Return the media type of a format, as in ClickHouse."""
    lower = format_name.lower()
    if lower.startswith("json"):
        return _CONTENT_TYPES["json"]
    if lower.startswith("csv"):
        return _CONTENT_TYPES["csv"].format(header="present" if "withnames" in lower else "absent")
    if lower.startswith(("tsv", "tabseparated")):
        return _CONTENT_TYPES["tab"]
    if lower in {"xml", "html"}:
        return _CONTENT_TYPES[lower]
    if lower.startswith(
        ("native", "rowbinary", "arrow", "parquet", "orc", "avro", "protobuf", "capnproto", "msgpack", "bson", "npy")
    ):
        return _CONTENT_TYPES["bytes"]
    return _CONTENT_TYPES["text"]


def _is_setting(key: str, *, external: bool) -> bool:
    if key in _RESERVED or key.startswith("param_") or (external and key.endswith(_EXTERNAL)):
        return False
    if not _SETTING.fullmatch(key):
        raise DatabaseError(115, f"Unknown setting '{key}'", "UNKNOWN_SETTING")
    return True


def _format(name: str) -> str:
    """Check that a format is a plain name, because it becomes part of a statement."""
    if not _FORMAT.fullmatch(name):
        raise DatabaseError(73, f"Unknown format {name}", "UNKNOWN_FORMAT")
    return name or "TabSeparated"


def _flag(keys: Mapping[str, str], key: str) -> bool:
    return keys.get(key, "0") in {"1", "true"}


def _session_timeout(text: str) -> int:
    if not text.isdecimal():
        raise DatabaseError(374, f"Invalid session timeout: '{text}'", "INVALID_SESSION_TIMEOUT")
    if int(text) > 3600:
        raise DatabaseError(
            374, f"Session timeout '{text}' is larger than max_session_timeout: 3600", "INVALID_SESSION_TIMEOUT"
        )
    return int(text)


def _split_types(types: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth = [""], 0
    for char in types:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]
