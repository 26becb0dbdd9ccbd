"""No statement can read, write or call anything outside the store."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.guard import Guard

from .conftest import Warehouse

SECRET = "no-business-of-yours"

guard = Guard(["file", "url", "icebergLocal", "python", "numbers", "newlyInvented", "generateRandom", "view", "values"])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM url('x')",
        "SELECT * FROM URL /* */ ('x')",
        "SELECT * FROM \"url\"('x')",
        "SELECT * FROM `ur\\x6c`('x')",
        "SELECT * FROM Python(password)",
        "SELECT * FROM newlyInvented()",
        "SELECT * FROM (SELECT * FROM view(SELECT * FROM icebergLocal('x')))",
        "WITH a AS (SELECT * FROM url('x')) SELECT * FROM a",
        "DESCRIBE TABLE url('x')",
        "EXPLAIN SELECT * FROM url('x')",
        "CREATE VIEW v AS SELECT * FROM url('x')",
        "INSERT INTO FUNCTION url('x') SELECT 1",
        "SELECT x FROM generateRandom('x UInt8, a String ALIAS file(1)')",
        "SELECT file('x')",
        "SELECT arrayMap(`file`, ['x'])",
        "SELECT * APPLY file FROM t",
        "CREATE FUNCTION f AS x -> file(x)",
        "CREATE TABLE t (a String DEFAULT file('x')) ENGINE = Memory",
        "CREATE TABLE t (a String) ENGINE = FileLog('x', 'CSV')",
        "CREATE TABLE t (a String) engine ExecutablePool",
        "CREATE TABLE t (a String) ENGINE = `newlyInvented`",
        "CREATE DATABASE d ENGINE = Filesystem('x')",
        "CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = 'x')",
        "ATTACH TABLE t FROM 'x' (a Int8) ENGINE = MergeTree ORDER BY a",
        "BACKUP TABLE t TO File('x')",
    ],
)
def test_access_outside_the_store_is_refused(statement: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        guard.check(statement.encode())
    assert refused.value.number == 291


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELECT 1 INTO /* */ outfile 'x'", 358),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 78),
        ("SELECT “file”('x')", 62),
        ("SELECT 1 AS a$$, file('x') AS b$$", 62),
    ],
)
def test_refusals_with_special_error_numbers(statement: str, number: int) -> None:
    with pytest.raises(DatabaseError) as refused:
        guard.check(statement.encode())
    assert refused.value.number == number


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'file(', \"url\", number FROM numbers(3) WHERE url IN (1) -- file('x')",
        "SELECT trim(LEADING 'a' FROM 'abc'), path(domain), data FROM t",
        "SELECT engine FROM system.tables WHERE engine = 'File'",
        "CREATE TABLE t (engine String, a Int8) ENGINE = ReplacingMergeTree PARTITION BY a ORDER BY a",
        "CREATE DATABASE d ENGINE Atomic",
        "SELECT * FROM my_view(a = 1)",
        "INSERT INTO t (a) FORMAT CSV",
    ],
)
def test_statements_inside_the_store_pass(statement: str) -> None:
    guard.check(statement.encode())


class _Bait(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_POST = do_PUT = do_GET  # as ClickHouse sends it


@pytest.fixture(scope="module")
def bait() -> Iterator[int]:
    """A server on this machine that statements must not reach."""
    with HTTPServer(("127.0.0.1", 0), _Bait) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
    assert _Bait.asked == []


@pytest.fixture(scope="module")
def target(warehouse: Warehouse) -> Iterator[str]:
    warehouse.request(body=b"CREATE TABLE target (a String) ENGINE = Memory")
    yield "target"
    assert warehouse.request("SELECT count() FROM target").body == b"0\n"
    warehouse.request(body=b"DROP TABLE target")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.csv"
    path.write_text(SECRET + "\n")
    return path


ATTACKS = [
    "SELECT * FROM '{path}'",
    "SELECT * FROM `{path}`",
    "SELECT * FROM files.`{path}`",
    "SELECT * FROM {{t:Identifier}}",
    "SELECT * FROM default.`{path}`",
    "DESCRIBE TABLE '{path}'",
    "INSERT INTO '{path}' SELECT 1",
    "INSERT INTO {table} VALUES (file('{path}'))",
    "INSERT INTO {table} FORMAT Values (file('{path}'))",
    "INSERT INTO {table} SETTINGS input_format_values_interpret_expressions = 1 FORMAT Values (file('{path}'))",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{path}'",
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '{path}:A'",
    "SELECT 1 SETTINGS additional_result_filter = 'throwIf(1, file(''{path}''))'",
    "SELECT * FROM {table} SETTINGS additional_table_filters = {{'{table}': 'throwIf(1, file(''{path}''))'}}",
    "SET format_template_row = '{path}'",
    "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(FILE(path '{path}' format 'CSV')) LAYOUT(flat()) LIFETIME(0)",
    "CREATE DICTIONARY d (a String) PRIMARY KEY a SOURCE(HTTP(url '{url}' format 'CSV')) LAYOUT(flat()) LIFETIME(0)",
    "CREATE NAMED COLLECTION c AS url = '{url}'",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER u",
    "GRANT ALL ON *.* TO default",
    "BACKUP TABLE {table} TO S3('{url}', 'a', 'b')",
    "SELECT * FROM url('{url}', 'CSV', 'a String')",
    "SELECT * FROM s3('{url}')",
    "SELECT * FROM remote('{host}', system.one)",
    "SELECT * FROM mysql('{host}', 'd', 't', 'u', 'p')",
    "INSERT INTO FUNCTION url('{url}', 'CSV', 'a String') SELECT '1'",
    "CREATE TABLE u (a String) ENGINE = URL('{url}', 'CSV')",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1; SELECT file('{path}')",
]


@pytest.mark.server
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_reaches_a_file_or_a_server(
    warehouse: Warehouse, target: str, secret: Path, bait: int, attack: str
) -> None:
    host = f"127.0.0.1:{bait}"
    statement = attack.format(path=secret, url=f"http://{host}/x.csv", host=host, table=target)
    reply = warehouse.request(body=statement.encode(), keys={"param_t": str(secret)})
    assert reply.code
    assert SECRET.encode() not in reply.body


@pytest.mark.server
@pytest.mark.parametrize(
    "keys",
    [
        {"default_format": "CSV; SELECT 2"},
        {"default_format": "Template SETTINGS format_template_resultset = '{path}'"},
        {"format_template_resultset": "{path}", "default_format": "Template"},
        {"additional_result_filter": "throwIf(1, file('{path}'))"},
    ],
)
def test_no_key_of_a_request_reaches_a_file_or_a_server(
    warehouse: Warehouse, secret: Path, keys: dict[str, str]
) -> None:
    reply = warehouse.request("SELECT 1", keys={key: value.format(path=secret) for key, value in keys.items()})
    assert reply.code in {"73", "452"}
    assert SECRET.encode() not in reply.body


@pytest.mark.server
@pytest.mark.parametrize("structure", ["a String, b String DEFAULT file('{path}')", "a String); SELECT (1"])
def test_no_external_table_reaches_a_file_or_a_server(warehouse: Warehouse, secret: Path, structure: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="e"; filename="e"\r\n\r\n1\r\n--x--\r\n'
    reply = warehouse.request(
        "SELECT * FROM e",
        form,
        keys={"e_structure": structure.format(path=secret)},
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert reply.code in {"62", "291"}
    assert SECRET.encode() not in reply.body


@pytest.mark.server
@pytest.mark.parametrize(
    "statement",
    [b"SHOW", b"DESCRIBE", b"EXISTS", b"SELECT 1 FROM", b"SELECT '\xff' +", b"INSERT INTO t SETTINGS FORMAT CSV\n1"],
)
def test_an_error_refers_to_the_statement_as_sent(warehouse: Warehouse, statement: bytes) -> None:
    reply = warehouse.request(body=statement)
    assert reply.code == "62"
    assert not any(ours in reply.body for ours in (b"/dev/fd", b"TRUNCATE"))


@pytest.mark.server
@pytest.mark.parametrize("rows", [b"FORMAT CSV\nx", b"VALUES (x", b"VALUES (1 + 1)", b"FORMAT Native\n\x01\x01"])
def test_an_error_in_rows_refers_to_the_rows_as_sent(warehouse: Warehouse, table: str, rows: bytes) -> None:
    reply = warehouse.request(body=f"INSERT INTO {table} (id) ".encode() + rows)
    assert reply.code
    assert not any(ours in reply.body for ours in (b"/dev/fd", b"File", b"parsed from file"))
