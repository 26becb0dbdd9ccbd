from __future__ import annotations

import pytest

from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.sql import (
    assignments,
    first_word,
    insert_with_data,
    literal,
    name,
    select,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "reading", "rows"),
    [
        (b"INSERT INTO t (a, b) FORMAT Native\n\x01\x02'", b"INSERT INTO t (a, b) <file>\nFORMAT Native", b"\x01\x02'"),
        (b"insert into t format CSV 1,2\n", b"insert into t <file>\nFORMAT CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT TSV\r\n\n1", b"INSERT INTO t <file>\nFORMAT TSV", b"\n1"),
        (b"INSERT INTO t VALUES (1)", b"INSERT INTO t <file>\nFORMAT Values", b" (1)"),
        (b"-- x\nINSERT INTO `format` FORMAT CSV\n1", b"-- x\nINSERT INTO `format` <file>\nFORMAT CSV", b"1"),
        (b"INSERT INTO format FORMAT CSV\n1", b"INSERT INTO format <file>\nFORMAT CSV", b"1"),
        (b"INSERT INTO db.values (a) VALUES (1)", b"INSERT INTO db.values (a) <file>\nFORMAT Values", b" (1)"),
        (b"INSERT INTO t SETTINGS a=0 FORMAT CSV\n", b"INSERT INTO t <file>SETTINGS a=0 \nFORMAT CSV", b""),
        (b"INSERT INTO t (`values`) FORMAT CSV\n", b"INSERT INTO t (`values`) <file>\nFORMAT CSV", b""),
    ],
)
def test_rows_are_found_after_the_statement(text: bytes, reading: bytes, rows: bytes) -> None:
    insert = insert_with_data(text)
    assert insert is not None
    assert insert.reading("p") == reading.replace(b"<file>", b"\nFROM INFILE 'p' COMPRESSION 'none' ")
    assert text[insert.data_at :] == rows


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t SELECT 1",
        b"INSERT INTO t (a) (SELECT 1)",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"WITH 1 AS x INSERT INTO t SELECT x",
        b"INSERT INTO t",
        b"INSERT INTO t SETTINGS a=0; SELECT 1 FORMAT CSV",
        b"",
    ],
)
def test_statements_without_rows(text: bytes) -> None:
    assert insert_with_data(text) is None


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (b"SELECT 1", b"SELECT 1\nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT D "),
        (b"SELECT 1 -- end", b"SELECT 1\nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT D "),
        (b"SELECT 1 FORMAT JSON;\n", b"SELECT 1 \nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT JSON "),
        (
            b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1",
            b"SELECT 1 \nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT JSON  SETTINGS max_threads = 1",
        ),
        (b"SELECT a format FROM t", b"SELECT a format FROM t\nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT D "),
        (b"SELECT ' FORMAT X'", b"SELECT ' FORMAT X'\nINTO OUTFILE 'p' TRUNCATE COMPRESSION 'none' FORMAT D "),
    ],
)
def test_a_result_is_written_to_our_file(text: bytes, result: bytes) -> None:
    assert select(text).into("p", "D") == result


@pytest.mark.parametrize("text", [b"a$$, b AS c$$", "“a”".encode(), "1\u00a0".encode(), b"a\0"])
def test_characters_that_the_engine_may_read_as_quotes_are_refused(text: bytes) -> None:
    with pytest.raises(DatabaseError, match="plain quotes"):
        list(tokens(text))
    assert [token.kind for token in tokens(b"'" + text + b"' -- " + text)] == ["quoted"]


def test_assignments_keep_their_literals() -> None:
    assert assignments(b"SET a = 1, b = 'x, y', c = DEFAULT;") == {"a": "1", "b": "'x, y'", "c": "DEFAULT"}


def test_quotes_are_escaped() -> None:
    assert literal("it's \\") == "'it\\'s \\\\'"
    assert name("a`b") == "`a\\`b`"


def test_the_first_word_ignores_comments_and_brackets() -> None:
    assert first_word(b"/* x */ ((select 1)) -- y") == "SELECT"
    assert first_word(b"-- only a note") == ""
