"""Limits of clients without a login: memory, time and connections."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse

import pytest

from .conftest import Warehouse

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def narrow(start_warehouse: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return start_warehouse(tmp_path_factory.mktemp("narrow") / "data", max_unauthenticated=8, head_s=2)


@pytest.fixture
def line(narrow: Warehouse) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=10) as one:
        yield one


def ended(connection: socket.socket) -> bool:
    """Whether the server closes the connection without a response."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_half_open_requests_without_a_login_do_not_block_others(narrow: Warehouse) -> None:
    with ExitStack() as opened:
        crowd = [
            opened.enter_context(socket.create_connection(("127.0.0.1", narrow.port), timeout=10)) for _ in range(300)
        ]
        for one in crowd:
            one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        begin = time.monotonic()
        assert [narrow.request("SELECT 1").status for _ in range(20)] == [200] * 20
        assert json.loads(narrow.request(path="/readyz").body)["ready"]
        assert time.monotonic() - begin < 15
        assert all(ended(one) for one in crowd[:200])


def test_a_connection_that_has_logged_in_stays_when_others_come(narrow: Warehouse, line: socket.socket) -> None:
    asking = (
        f"POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: {narrow.user}\r\nX-ClickHouse-Key: {narrow.password}\r\n"
        "Content-Length: 8\r\n\r\nSELECT 1"
    ).encode()

    def ask() -> int:
        line.sendall(asking)
        response = HTTPResponse(line)
        response.begin()
        assert response.read() == b"1\n"  # read to the end; the rest would count as the next response
        return response.status

    assert ask() == 200
    with ExitStack() as opened:
        for _ in range(30):
            opened.enter_context(socket.create_connection(("127.0.0.1", narrow.port), timeout=10))
        assert narrow.request("SELECT 1").status == 200
        assert ask() == 200


def test_an_incomplete_head_times_out(line: socket.socket) -> None:
    line.sendall(b"GET /ping HTTP/1.1\r\nHost:")
    assert ended(line)


@pytest.mark.parametrize(
    "head",
    [b"POST / HTTP/1.1\r\nX-Long: ", b"GET /?query=", b"POST / HTTP/1.1\r\n"],
    ids=["one header", "the first line", "many headers"],
)
def test_a_long_head_is_refused_at_once(line: socket.socket, narrow: Warehouse, head: bytes) -> None:
    line.sendall(head + (b"a: b\r\n" * 3000 if head.endswith(b"\n") else b"a" * 17_000))
    assert line.recv(4096).startswith(b"HTTP/1.1 431 ")
    assert narrow.request("SELECT 1").status == 200


def test_64_mib_in_one_header_delay_no_other_request(line: socket.socket, narrow: Warehouse) -> None:
    line.sendall(b"POST / HTTP/1.1\r\nX-Long: ")
    sent, piece = 0, b"a" * (1 << 20)
    begin = time.monotonic()
    try:
        while sent < 64 << 20:
            sent += line.send(piece)
    except OSError:
        pass
    assert sent < 32 << 20
    assert narrow.request("SELECT 1").status == 200
    assert time.monotonic() - begin < 15


def test_a_large_body_does_not_count_as_a_large_head(narrow: Warehouse) -> None:
    assert narrow.request("SELECT length(a) FROM (SELECT", b"'" + b"x" * 100_000 + b"' AS a)").body == b"100000\n"
