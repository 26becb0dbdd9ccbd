"""Runs one request on a worker thread: reads the statement, executes it, streams its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from queuebit_warehouse.codec import CORRUPT
from queuebit_warehouse.dialect import ExternalTable, QueryRequest, Stats
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.guard import Guard
from queuebit_warehouse.handle import Handle, Kind
from queuebit_warehouse.pipe import Feed, Outlet
from queuebit_warehouse.sql import Insert, first_word, insert_with_data, name, select

__all__ = ["Execution"]

_HEAD = 1 << 18
"""The longest statement before the rows of an INSERT, in bytes: ClickHouse's `max_query_size`."""
_CHUNK = 1 << 20
_HARMLESS = frozenset({"SET", "USE"})


@dataclass(slots=True)
class Execution:
    """The execution of one request on a worker.

    Attributes:
        guard: refuses statements that access data outside the store.
        cancel: cancels the query that uses a path; returns whether there was one.
        abandon: stops waiting for the rest of the body.
        format: the format of the result, set before its first byte is in the outlet; `None` if there is no result.
    """

    request: QueryRequest
    body: BinaryIO
    external: Sequence[tuple[ExternalTable, BinaryIO]]
    out: Outlet
    guard: Guard
    cancel: Callable[[str], bool]
    abandon: Callable[[], None]
    format: str | None = None

    def __call__(self, handle: Handle) -> Stats:
        """Run the statement to its end, then end the result.

        Raises:
            DatabaseError: the statement was refused or failed; the outlet may already have a part of the result.
            Disconnected: the client disconnected before its body was complete.
        """
        try:
            return self._run(handle)
        finally:
            self.out.finish()

    def _run(self, handle: Handle) -> Stats:
        handle.apply_settings(self.request.database, self.request.settings)
        text = self._statement_head()
        insert = insert_with_data(text)
        statement = self._whole_statement(text) if insert is None else text[: insert.data_at]
        self.guard.check(statement)
        kind = handle.classify(statement)
        if not handle.writes and kind.changes:
            raise _writers_only()
        if self.request.read_only and kind.changes and first_word(statement) not in _HARMLESS:
            raise _read_only()
        if kind is Kind.UNREADABLE or insert is None:
            return self._with_tables(handle, kind, statement)
        return self._insert(handle, insert, self._rows(insert, text))

    def _with_tables(self, handle: Handle, kind: Kind, statement: bytes) -> Stats:
        """Run a statement with the temporary tables of its request."""
        lent: list[ExternalTable] = []
        try:
            for table, rows in self.external:
                self._make(handle, table)
                lent.append(table)
                into = Insert(f"INSERT INTO {name(table.name)}".encode(), b"", table.format, 0)
                self._insert(handle, into, _chunks(rows))
            return self._answer(handle, kind, statement)
        finally:
            for table in lent:
                handle.run(f"DROP TEMPORARY TABLE IF EXISTS {name(table.name)}".encode(), {})

    def _make(self, handle: Handle, table: ExternalTable) -> None:
        making = f"CREATE TEMPORARY TABLE {name(table.name)} ({table.structure}) ENGINE = Memory".encode()
        self.guard.check(making)
        handle.classify(making)
        handle.run(making, {})

    def _insert(self, handle: Handle, insert: Insert, rows: Iterable[bytes]) -> Stats:
        with Feed(rows, self.cancel, self.abandon) as feed:
            _, stats = handle.run(insert.reading(feed.path), self.request.params)
        return stats

    def _answer(self, handle: Handle, kind: Kind, statement: bytes) -> Stats:
        if kind is Kind.READS:
            cut = select(statement)
            self.format = cut.format or self.request.default_format
            _, stats = handle.run(cut.into(self.out.path, self.request.default_format), self.request.params)
            return stats
        answer, stats = handle.run(statement, self.request.params)
        if answer:
            self.format = "TabSeparated"
            self.out.write(answer)
        return stats

    def _statement_head(self) -> bytes:
        query = self.request.query.encode()
        body = bytearray()
        while len(body) < _HEAD and (chunk := _read(self.body, _HEAD - len(body))):
            body += chunk
        return query + b"\n" + body if query and body else query or bytes(body)

    def _whole_statement(self, head: bytes) -> bytes:
        limit = int(self.request.settings.get("max_query_size", _HEAD)) or sys.maxsize
        statement = bytearray(head)
        while len(statement) <= limit and (chunk := _read(self.body, _CHUNK)):
            statement += chunk
        if len(statement) > limit:
            text = (
                f"Syntax error: Max query size exceeded ({limit}, can be increased with the `max_query_size` setting)"
            )
            raise DatabaseError(62, text, "SYNTAX_ERROR")
        return bytes(statement)

    def _rows(self, insert: Insert, text: bytes) -> Iterator[bytes]:
        yield text[insert.data_at :]
        yield from _chunks(self.body)


def _chunks(body: BinaryIO) -> Iterator[bytes]:
    while chunk := _read(body, _CHUNK):
        yield chunk


def _read(body: BinaryIO, size: int) -> bytes:
    try:
        return body.read(size)
    except CORRUPT as error:
        raise DatabaseError(354, f"Cannot decompress the request's body: {error}", "ZLIB_INFLATE_FAILED") from error


def _read_only() -> DatabaseError:
    return DatabaseError(
        164,
        "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
        "You should use method POST for modifying queries",
        "READONLY",
    )


def _writers_only() -> DatabaseError:
    return DatabaseError(164, "Cannot execute query in readonly mode: this user may read and nothing else", "READONLY")
