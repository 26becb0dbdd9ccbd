"""Delivery to files, syslog servers and event collectors: formats, order, and what happens after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from queuebit_audit_trail import Record, record_of
from queuebit_audit_trail.formats import json_line, syslog_frame, syslog_message
from queuebit_audit_trail.forwarding import BadCursor, Cursor, Forwarder
from queuebit_audit_trail.receivers import HecReceiver, JsonLinesFile, NotDelivered, Receiver, SyslogServer
from queuebit_contracts.catalog import decode

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
STORED = datetime(2026, 11, 30, 12, tzinfo=UTC)
AWKWARD = 'a "quoted" ] and \\ and\nline [x] ü “ä” ' + "\x1b[31m"


HEAD = re.compile(
    r"<(?P<pri>[1-9][0-9]{0,2})>1 (?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,6}Z) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    r"\[(?P<sd>[!#-<>-\\^-~]{1,32})"
    r'(?P<parameters>( [!#-<>-\\^-~]{1,32}="([^"\\\]]|\\["\\\]])*")*)\] \ufeff(?P<words>.*)'
)
"""The grammar of RFC 5424, section 6, with one element of structured data, and a text in UTF-8."""
PARAMETER = re.compile(r' ([^=]+)="((?:[^"\\\]]|\\["\\\]])*)"')


def parsed(message: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """The head of a message, and its structured data."""
    found = HEAD.fullmatch(message.decode())
    assert found is not None, message
    return found.groupdict(), {it[1]: re.sub(r"\\(.)", r"\1", it[2]) for it in PARAMETER.finditer(found["parameters"])}


def record(sequence: int = 7, type_: str = "qb.config.applied.v1") -> Record:
    found = record_of(decode(sorted((EXAMPLES / type_).glob("*.json"))[0].read_bytes()), sequence, STORED)
    assert found is not None
    return found


def forward(receiver: Receiver, cursor: Cursor, records: Sequence[Record], most_tries: int | None = None) -> list[str]:
    """Deliver what the cursor lacks; return what was reported."""
    reported: list[str] = []

    async def work() -> None:
        forwarder = Forwarder(receiver, cursor, reported.append, most_tries, pauses_s=(0.01,))
        running = asyncio.get_running_loop().create_task(forwarder.run())
        after = cursor.read()

        async def read() -> None:
            for it in records:
                if it.sequence > after:
                    await forwarder.take(it)
            await forwarder.empty()

        reading = asyncio.get_running_loop().create_task(read())
        await asyncio.wait({running, reading}, return_when=asyncio.FIRST_COMPLETED)
        ended = running if running.done() else reading
        for task in (running, reading):
            task.cancel()
        await asyncio.gather(running, reading, return_exceptions=True)
        ended.result()

    asyncio.run(work())
    return reported


@pytest.fixture
def cursor(tmp_path: Path) -> Cursor:
    return Cursor(tmp_path / "cursor", "queuebit.example/log", "test")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.json")), ids=lambda it: f"{it.parent.name}/{it.stem}")
def test_every_record_is_a_message_by_the_grammar_of_syslog(path: Path) -> None:
    found = record_of(decode(path.read_bytes()), 7, STORED)
    if found is None:
        return
    head, data = parsed(syslog_message(found, "host.example"))
    assert (head["host"], head["app"], head["process"], head["id"]) == (
        *("host.example", "queuebit", found.service, found.action),
    )
    assert data == {name: str(value) for name, value in found.document().items()}


def test_syslog_escapes_what_would_end_a_value_or_a_message() -> None:
    message = syslog_message(replace(record(), reason=AWKWARD, actor=AWKWARD), "host").decode()
    assert r'reason="a \"quoted\" \] and \\ and line [x\] ü “ä”  [31m"' in message
    assert not {it for it in message if ord(it) < 32}
    _, data = parsed(message.encode())
    assert data["reason"] == 'a "quoted" ] and \\ and line [x] ü “ä”  [31m'


def test_syslog_says_how_grave_an_outcome_is() -> None:
    assert syslog_message(record(), "host").startswith(b"<109>1 2026-11-30T12:00:00.000000Z host queuebit broker ")
    assert syslog_message(record(type_="qb.job.rejected.v1"), "host").startswith(b"<108>1 ")
    assert syslog_message(record(type_="qb.job.submitted.v1"), "host name").startswith(b"<110>1 ")


def test_a_file_has_a_line_for_each_record(tmp_path: Path, cursor: Cursor) -> None:
    file = tmp_path / "audit.jsonl"
    records = [record(it) for it in range(1, 1203)]
    forward(JsonLinesFile(file), cursor, records)
    assert file.read_bytes() == b"".join(map(json_line, records))
    assert file.stat().st_mode & 0o077 == 0
    assert cursor.read() == 1202
    forward(JsonLinesFile(file), cursor, [*records, record(1300)])
    assert len(file.read_bytes().splitlines()) == 1203


def test_a_line_that_was_not_ended_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_bytes(json_line(record(1)) + b"x" * 200_000)
    JsonLinesFile(file).deliver([record(2)])
    assert [json.loads(it)["sequence"] for it in file.read_bytes().splitlines()] == [1, 2]


KILLED = """
import asyncio, sys, time
from pathlib import Path
from dataclasses import replace
sys.path.insert(0, sys.argv[1])
from test_audit_trail_forwarding import JsonLinesFile, Cursor, forward, record
class Slow(JsonLinesFile):
    def deliver(self, records):
        for it in records:
            JsonLinesFile.deliver(self, [it])
            time.sleep(0.001)
one = record(1)
forward(Slow(Path(sys.argv[2])), Cursor(Path(sys.argv[3]), "queuebit.example/log", "test"),
        [replace(one, sequence=it) for it in range(1, 4001)])
"""


def test_after_kill_9_nothing_is_lost(tmp_path: Path, cursor: Cursor) -> None:
    file = tmp_path / "audit.jsonl"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(Path(__file__).parent), str(file), str(cursor.path)])
    try:
        until = time.monotonic() + 25
        while not cursor.path.exists() or not file.read_bytes().count(b"\n") % 500:
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.002)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    at, lines = cursor.read(), file.read_bytes().count(b"\n")
    assert 0 < at <= lines < 4000
    one = record(1)
    forward(JsonLinesFile(file), cursor, [replace(one, sequence=it) for it in range(1, 4001)])
    found = [json.loads(it)["sequence"] for it in file.read_bytes().splitlines()]
    assert [*dict.fromkeys(found)] == [*range(1, 4001)]
    assert len(found) == 4000 + lines - at, "only what came after the cursor is there twice"


@pytest.mark.parametrize("text", ["", "[]", '{"log": "queuebit.example/log", "receiver": "test", "sequence": "9"}'])
def test_a_damaged_cursor_is_not_used(text: str, cursor: Cursor) -> None:
    cursor.path.write_text(text)
    with pytest.raises(BadCursor, match="is no cursor"):
        cursor.read()


def test_a_cursor_belongs_to_one_log_and_receiver(cursor: Cursor) -> None:
    cursor.write(9)
    with pytest.raises(BadCursor, match="give another --cursor"):
        replace(cursor, receiver="other").read()
    with pytest.raises(BadCursor, match="give another --cursor"):
        replace(cursor, log="other").read()


@contextmanager
def syslog_server(refuse: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads frames by their length; it cuts the first connections."""
    taken: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        left = refuse
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    if left:
                        left -= 1
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        continue
                    content = b""
                    while part := connection.recv(65_536):
                        content += part
                while content:
                    length, _, rest = content.partition(b" ")
                    taken.append(rest[: int(length)])
                    content = rest[int(length) :]

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], taken
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def test_a_syslog_server_gets_every_record_in_order(cursor: Cursor) -> None:
    records = [replace(record(it), reason=AWKWARD) for it in range(1, 1203)]
    with syslog_server(refuse=2) as (port, taken):
        reported = forward(SyslogServer("127.0.0.1", port), cursor, records)
    assert [parsed(it)[1]["sequence"] for it in taken] == [str(it.sequence) for it in records]
    assert taken == [syslog_message(it, socket.gethostname()) for it in records]
    assert len(reported) == 2


def test_a_frame_has_its_length_in_bytes() -> None:
    assert syslog_frame("ü\n".encode()) == b"3 \xc3\xbc\n"


def test_a_server_that_is_away_ends_a_delivery_after_some_tries(cursor: Cursor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotDelivered, match="did not take it"):
        forward(SyslogServer("127.0.0.1", port), cursor, [record()], most_tries=3)
    assert cursor.read() == 0


@dataclass
class Collector:
    """What an event collector received, and what it answers, in order; then success."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    taken: list[tuple[str, list[dict[str, object]]]] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = found.answers.pop(0) if found.answers else (200, b'{"text":"Success","code":0}')
            if status == 200 and b'"code":0' in answer:
                found.taken.append((self.headers["Authorization"], [json.loads(it) for it in body.splitlines()]))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", found.url)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/services/collector/event"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_an_event_collector_gets_events_with_the_token(collector: Collector, cursor: Cursor) -> None:
    forward(HecReceiver(collector.url, "s3cret"), cursor, [record(1), record(2)])
    events = [it for _, batch in collector.taken for it in batch]
    assert {token for token, _ in collector.taken} == {"Splunk s3cret"}
    assert [it["event"] for it in events] == [record(1).document(), record(2).document()]
    assert (events[0]["time"], events[0]["sourcetype"]) == ("1796040000.000000", "queuebit:audit")
    assert "s3cret" not in repr(HecReceiver(collector.url, "s3cret"))


@pytest.mark.parametrize(
    "answer",
    [
        (503, b'{"text":"Server is busy","code":9}'),
        (403, b'{"text":"Invalid token","code":4}'),
        (200, b'{"text":"Ack is required","code":10}'),
        (200, b"<html>"),
        (200, b"[]"),
        (302, b""),
    ],
)
def test_what_an_event_collector_does_not_take_is_sent_again(
    answer: tuple[int, bytes], collector: Collector, cursor: Cursor
) -> None:
    collector.answers.append(answer)
    reported = forward(HecReceiver(collector.url, "s3cret"), cursor, [record(1)])
    assert len(reported) == len(collector.taken) == 1
    assert "s3cret" not in reported[0]
