"""One request on a worker thread: read the statement, run it, let its result flow out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from queuebit_warehouse.codec import CORRUPT
from queuebit_warehouse.dialect import Ask, ExternalTable, Stats
from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.guard import Guard
from queuebit_warehouse.handle import Handle, Kind
from queuebit_warehouse.pipe import Feed, Outlet
from queuebit_warehouse.sql import Insert, first_word, insert_with_data, name, select

__all__ = ["Execution"]

_HEAD = 1 << 18
"""How far into a body the rows of an INSERT are looked for: a server's `max_query_size`."""
_CHUNK = 1 << 20
_HARMLESS = frozenset({"SET", "USE"})


@dataclass(slots=True)
class Execution:
    """What one request does on its worker.

    Attributes:
        guard: refuses statements that reach outside the store.
        cancel: cancels the query that uses a path; tells whether it found one.
        abandon: stops waiting for a body that is still arriving.
        format: the result's format, known before its first byte is in the outlet; `None` where there is no result.
    """

    ask: Ask
    body: BinaryIO
    external: Sequence[tuple[ExternalTable, BinaryIO]]
    out: Outlet
    guard: Guard
    cancel: Callable[[str], bool]
    abandon: Callable[[], None]
    format: str | None = None

    def __call__(self, handle: Handle) -> Stats:
        """Run to the end, then end the result.

        Raises:
            DatabaseError: refused or failed; what is in the outlet by then is a part of a result.
            Disconnected: the client went away before its body was complete.
        """
        try:
            return self._run(handle)
        finally:
            self.out.finish()

    def _run(self, handle: Handle) -> Stats:
        handle.apply_settings(self.ask.database, self.ask.settings)
        text = self._statement_head()
        insert = insert_with_data(text)
        statement = self._whole_statement(text) if insert is None else text[: insert.data_at]
        self.guard.check(statement)
        kind = handle.classify(statement)
        if not handle.writes and kind.changes:
            raise _for_writers()
        if self.ask.read_only and kind.changes and first_word(statement) not in _HARMLESS:
            raise _read_only()
        if kind is Kind.UNREADABLE or insert is None:
            return self._with_tables(handle, kind, statement)
        return self._insert(handle, insert, self._rows(insert, text))

    def _with_tables(self, handle: Handle, kind: Kind, statement: bytes) -> Stats:
        """Answer a statement while the tables that were sent along with it exist."""
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
            _, stats = handle.run(insert.reading(feed.path), self.ask.params)
        return stats

    def _answer(self, handle: Handle, kind: Kind, statement: bytes) -> Stats:
        if kind is Kind.READS:
            cut = select(statement)
            self.format = cut.format or self.ask.default_format
            _, stats = handle.run(cut.into(self.out.path, self.ask.default_format), self.ask.params)
            return stats
        answer, stats = handle.run(statement, self.ask.params)
        if answer:
            self.format = "TabSeparated"
            self.out.write(answer)
        return stats

    def _statement_head(self) -> bytes:
        query = self.ask.query.encode()
        body = bytearray()
        while len(body) < _HEAD and (chunk := _read(self.body, _HEAD - len(body))):
            body += chunk
        return query + b"\n" + body if query and body else query or bytes(body)

    def _whole_statement(self, head: bytes) -> bytes:
        limit = int(self.ask.settings.get("max_query_size", _HEAD)) or sys.maxsize
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


def _for_writers() -> DatabaseError:
    return DatabaseError(164, "Cannot execute query in readonly mode: this user may read and nothing else", "READONLY")
