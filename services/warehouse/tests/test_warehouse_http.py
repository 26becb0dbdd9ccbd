"""Raw HTTP, as curl sends it, against a real process."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import zlib

import pytest
import zstandard

from .conftest import Warehouse

pytestmark = pytest.mark.server


def test_the_statement_can_be_in_the_query_string_the_body_or_both(warehouse: Warehouse) -> None:
    assert warehouse.request("SELECT 1").body == b"1\n"
    assert warehouse.request(body=b"SELECT 2").body == b"2\n"
    assert warehouse.request("SELECT", b"3").body == b"3\n"


def test_rows_follow_the_statement_in_query_string_or_body(warehouse: Warehouse, table: str) -> None:
    assert warehouse.request(f"INSERT INTO {table} (id) FORMAT CSV", b"1\n2\n").status == 200
    assert warehouse.request(body=f"INSERT INTO {table} (id) VALUES (3), (4)".encode()).status == 200
    packed = gzip.compress(f'INSERT INTO {table} (id) FORMAT JSONEachRow\n{{"id": 5}}\n'.encode())
    assert warehouse.request(body=packed, headers={"Content-Encoding": "gzip"}).status == 200
    assert warehouse.request(f"SELECT sum(id) FROM {table}").body == b"15\n"


def test_a_chunked_body_larger_than_one_read_streams_in(warehouse: Warehouse, table: str) -> None:
    rows = b"".join(b'%d,"%s"\n' % (i, b"x" * 500) for i in range(6000))
    pieces = [
        f"INSERT INTO {table} (id, name) FORMAT CSV\n".encode(),
        *(rows[i : i + 9000] for i in range(0, len(rows), 9000)),
    ]
    connection = http.client.HTTPConnection("127.0.0.1", warehouse.port)
    headers = {
        "X-ClickHouse-User": warehouse.user,
        "X-ClickHouse-Key": warehouse.password,
        "Transfer-Encoding": "chunked",
    }
    connection.request("POST", "/", body=iter(pieces), headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert warehouse.request(f"SELECT count(), uniqExact(id) FROM {table}").body == b"6000\t6000\n"


def test_a_truncated_upload_stores_nothing(warehouse: Warehouse, table: str) -> None:
    with socket.create_connection(("127.0.0.1", warehouse.port)) as line:
        line.sendall(
            f"POST /?query=INSERT+INTO+{table}+(id)+FORMAT+CSV HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            f"X-ClickHouse-User: {warehouse.user}\r\nX-ClickHouse-Key: {warehouse.password}\r\n\r\n1\n2\n".encode()
        )
    assert warehouse.request(f"SELECT count() FROM {table}").body == b"0\n"


def test_responses_have_the_headers_of_clickhouse(warehouse: Warehouse) -> None:
    reply = warehouse.request("SELECT number FROM numbers(5) FORMAT CSVWithNames", keys={"query_id": "mine"})
    assert reply.body.startswith(b'"number"\n0\n')
    assert reply.headers["X-ClickHouse-Format"] == "CSVWithNames"
    assert reply.headers["X-ClickHouse-Query-Id"] == "mine"
    assert reply.headers["X-ClickHouse-Timezone"]
    assert reply.headers["X-ClickHouse-Server-Display-Name"]
    summary = json.loads(reply.headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("5", "5")


def test_an_empty_result_keeps_its_header_row(warehouse: Warehouse) -> None:
    assert warehouse.request("SELECT 1 AS a WHERE 0", keys={"default_format": "CSVWithNames"}).body == b'"a"\n'


def test_responses_are_compressed_only_if_header_and_setting_ask(warehouse: Warehouse) -> None:
    accept = {"Accept-Encoding": "gzip"}
    asked = warehouse.request("SELECT 1", keys={"enable_http_compression": "1"}, headers=accept)
    assert (asked.headers["Content-Encoding"], gzip.decompress(asked.body)) == ("gzip", b"1\n")
    assert warehouse.request("SELECT 1", headers=accept).body == b"1\n"


@pytest.mark.parametrize(
    ("statement", "keys", "status", "code"),
    [
        ("SELECT * FROM nothing", {}, 404, "60"),
        ("SELECT 1", {"database": "nowhere"}, 404, "81"),
        ("SELECT 1", {"no_such_setting": "1"}, 404, "115"),
        ("SELECT 1 FORMAT Nothing", {}, 404, "73"),
        ("SELEC 1", {}, 400, "62"),
        ("", {"max_threads": "1"}, 400, "62"),
        ("SELECT 1", {"max_threads": "many"}, 400, "27"),
        ("SELECT 1", {"session_id": "x", "session_check": "1"}, 500, "372"),
        ("CREATE TABLE g (a Int8) ENGINE = Memory", {}, 500, "164"),
        ("INSERT INTO g VALUES (1)", {}, 500, "164"),
    ],
)
def test_refusals_have_the_status_and_code_of_clickhouse(
    warehouse: Warehouse, statement: str, keys: dict[str, str], status: int, code: str
) -> None:
    reply = warehouse.request(statement, keys=keys)
    assert (reply.status, reply.code) == (status, code)
    assert reply.body.startswith(f"Code: {code}. DB::Exception: ".encode())


@pytest.mark.parametrize("credentials", [None, ("queuebit", "wrong"), ("somebody", "correct horse battery staple")])
def test_a_request_without_the_password_is_refused(warehouse: Warehouse, credentials: tuple[str, str] | None) -> None:
    reply = warehouse.request("SELECT 1", credentials=credentials)
    assert (reply.status, reply.code) == (403, "516")


def test_health_needs_no_password(warehouse: Warehouse) -> None:
    assert warehouse.request(path="/ping", credentials=None).body == b"Ok.\n"
    assert warehouse.request(path="/replicas_status", credentials=None).body == b"Ok.\n"
    assert json.loads(warehouse.request(path="/healthz", credentials=None).body) == {
        "service": "warehouse",
        "alive": True,
        "reason": None,
    }
    ready = json.loads(warehouse.request(path="/readyz", credentials=None).body)
    assert (ready["ready"], ready["behind"], ready["detail"]["rebuilt_from_nothing"]) == (True, 0, None)
    assert warehouse.request(path="/elsewhere", credentials=None).status == 404


def running(warehouse: Warehouse, marked: str) -> int:
    """The number of running queries with this mark in their text."""
    counting = f"SELECT count() FROM system.processes WHERE query LIKE '%{marked}%' AND query NOT LIKE '%processes%'"
    return int(warehouse.request(counting).body)


def test_one_session_runs_one_query_at_a_time(warehouse: Warehouse) -> None:
    keys = {"session_id": "one"}
    slow = threading.Thread(target=warehouse.request, args=("SELECT sleep(1) AS slow_one",), kwargs={"keys": keys})
    slow.start()
    while not running(warehouse, "slow_one"):
        pass
    assert warehouse.request("SELECT 1", keys=keys).code == "373"
    slow.join()
    assert warehouse.request("SELECT 1", keys=keys).body == b"1\n"


def test_a_session_can_be_closed(warehouse: Warehouse) -> None:
    keys = {"session_id": "brief"}
    assert warehouse.request("SET max_block_size = 9", keys=keys).status == 200
    known = warehouse.request("SELECT getSetting('max_block_size')", keys={**keys, "close_session": "1"})
    assert known.body == b"9\n"
    assert warehouse.request("SELECT 1", keys={**keys, "session_check": "1"}).code == "372"


def test_a_query_is_cancelled_when_its_client_disconnects(warehouse: Warehouse) -> None:
    with socket.create_connection(("127.0.0.1", warehouse.port)) as line:
        line.sendall(
            b"GET /?query=SELECT+*,+1+AS+endless+FROM+numbers(99999999999) HTTP/1.1\r\nHost: x\r\n"
            + f"X-ClickHouse-User: {warehouse.user}\r\nX-ClickHouse-Key: {warehouse.password}\r\n\r\n".encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 200")
        assert running(warehouse, "endless") == 1
    while running(warehouse, "endless"):
        pass


def test_deflate_and_damaged_bodies(warehouse: Warehouse, table: str) -> None:
    insert = f"INSERT INTO {table} (id) FORMAT CSV"
    assert warehouse.request(insert, zlib.compress(b"1\n2\n"), headers={"Content-Encoding": "deflate"}).status == 200
    for encoding in ("gzip", "deflate", "lz4", "zstd"):
        assert warehouse.request(insert, b"not packed", headers={"Content-Encoding": encoding}).code == "354"
    rows = b"".join(b"%d\n" % i for i in range(200_000))
    for encoding, packed in {"gzip": gzip.compress(rows), "zstd": zstandard.compress(rows)}.items():
        assert warehouse.request(insert, packed[:-20], headers={"Content-Encoding": encoding}).code == "354"
    assert warehouse.request(f"SELECT sum(id) FROM {table}").body == b"3\n"


def test_a_view_that_fails_fails_the_insert(warehouse: Warehouse, table: str) -> None:
    """The engine's own streaming insert reports success here."""
    warehouse.request(body=f"CREATE TABLE {table}_v (id UInt64) ENGINE = MergeTree ORDER BY id".encode())
    view = f"CREATE MATERIALIZED VIEW {table}_mv TO {table}_v AS SELECT id + throwIf(id = 7) AS id FROM {table}"
    warehouse.request(body=view.encode())
    assert warehouse.request(f"INSERT INTO {table} (id) FORMAT CSV", b"7\n").code == "395"
    assert warehouse.request(f"INSERT INTO {table} (id) FORMAT CSV", b"8\n").status == 200
    for name in (f"{table}_mv", f"{table}_v"):
        warehouse.request(body=f"DROP TABLE {name}".encode())
