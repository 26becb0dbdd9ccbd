"""What is read from a connection: split messages, headers of any form, and functions that fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from queuebit_runtime.connection import Client, Msg
from queuebit_runtime.delivery import origin_of
from queuebit_runtime.harden import harden_nats_client, listen
from queuebit_runtime.received import Received, read_headers

_reference = Client._parse_header_lines
LINE = st.binary(max_size=12) | st.sampled_from(
    [
        b"A: b",
        b"A:b ",
        b" A :\tb",
        b"A",
        b": x",
        b"A B: c",
        b"\xc3\xa4: x",
        b"A: \xff\xc3\xa4",
        b"A: b: c",
        b"A: \x85\xa0",
        b"\x1c: x",
    ]
)


@given(st.lists(LINE, max_size=5))
def test_headers_are_those_that_nats_py_reads(lines: list[bytes]) -> None:
    lines = [it for it in lines if it.strip() and not it.lstrip().startswith(b":")]
    block = b"NATS/1.0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    assert (read_headers(block) or {}) == _reference(block[10:])


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (b"NATS/1.0 404 No Messages\r\n\r\n", {"Status": "404", "Description": "No Messages"}),
        (
            b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\n\r\n",
            {"Status": "100", "Description": "Idle Heartbeat", "Nats-Last-Consumer": "7"},
        ),
        (b"NATS/1.0 a\xff\r\n\r\n", None),
        (b"NATS/1.0", None),
        (b"??", None),
        (b"", None),
    ],
)
def test_a_status_comes_before_the_headers(block: bytes, headers: dict[str, str] | None) -> None:
    assert read_headers(block) == headers


@pytest.mark.parametrize(
    ("reply", "block", "status"),
    [
        ("", b"NATS/1.0 404 No\r\n\r\n", "404"),
        ("$JS.ACK.LOG.c.1.2.3.4.5", b"NATS/1.0\r\nStatus: 404\r\n\r\n", None),
        ("", b"NATS/1.0\r\nNats-Stream: LOG\r\nNats-Sequence: 1\r\nStatus: 404\r\n\r\n", None),
    ],
)
def test_only_the_server_may_say_the_status(reply: str, block: bytes, status: str | None) -> None:
    message = Received(Client(), 1, "qb.x", reply, b"", block)
    assert message.status == status
    assert (message.headers or {}).get("Status") == status


class Wire:
    """A client whose server is the test."""

    def __init__(self) -> None:
        harden_nats_client()
        self.client = Client()
        self.client._status = Client.CONNECTED
        vars(self.client).update(_send_command=self._nothing, _flush_pending=self._nothing, _error_cb=self._failed)
        self.errors: list[Exception] = []
        self.got: list[tuple[str, str, bytes, dict[str, str] | None]] = []

    async def _nothing(self, *_: object, **__: object) -> None: ...

    async def _failed(self, error: Exception) -> None:
        self.errors.append(error)

    def take(self, message: Received) -> None:
        self.got.append((message.subject, message.reply, message.data, message.headers))
        if message.data == b"fail":
            raise ValueError("it fails")


SENT = (
    b"MSG qb.a 1 2\r\nhi\r\nPING\r\nMSG qb.a 1 re.ply 4\r\nfail\r\n+OK\r\n"
    b"HMSG qb.b\x0c 1 15 17\r\nNATS/1.0\r\n?\r\n\r\nMS\r\nHMSG qb.\xff 1 re 18 18\r\nNATS/1.0\r\nA: b\r\n\r\n\r\n"
)
READ = [
    ("qb.a", "", b"hi", None),
    ("qb.a", "re.ply", b"fail", None),
    ("qb.b\x0c", "", b"MS", None),
    ("qb.\\xff", "re", b"", {"A": "b"}),
]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_messages_may_arrive_in_any_pieces(size: int) -> None:
    wire = Wire()
    await listen(wire.client, "qb.>", wire.take)
    for start in range(0, len(SENT), size):
        await wire.client._ps.parse(SENT[start : start + size])
    assert wire.got == READ
    assert [str(it) for it in wire.errors] == ["it fails"]


@pytest.mark.parametrize("line", [b"MSG qb.a 1\r\n", b"MSG qb.a x 2\r\n", b"HMSG qb.a 1 a 2\r\n", b"WHAT\r\n", b"\r\n"])
async def test_a_line_that_no_server_writes_is_an_error_of_the_protocol(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await Wire().client._ps.parse(line)


async def test_a_connection_that_begins_again_forgets_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    parser: Parser = wire.client._ps

    async def begin_again(*_: Any) -> None:
        parser.reset()

    monkeypatch.setattr(wire.client, "_process_ping", begin_again, raising=False)
    await parser.parse(b"PING\r\nMSG qb.a 1 2\r\n")
    assert bytes(parser.buf) == b""
    await asyncio.wait_for(parser.parse(b"+OK\r\n"), 5)


@given(st.integers(1_700_000_000_000_000_000, 2_000_000_000_000_000_000))
def test_a_message_was_stored_at_the_moment_that_nats_py_reads(nanoseconds: int) -> None:
    """Rows of the warehouse have this moment: one that differs by a microsecond is found to be wrong."""
    message = Msg(Client(), reply=f"$JS.ACK.LOG.broker-view-1.1.7.3.{nanoseconds}.2")
    assert origin_of(message).stored_at == message.metadata.timestamp
