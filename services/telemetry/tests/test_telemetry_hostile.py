"""A warehouse that was rewritten, events and answers that are nonsense, and spans that are refused."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime

import pytest

from queuebit_contracts.query import Question
from queuebit_kernel import Fault, SystemClock
from queuebit_runtime.rows import mark_of, row_of
from queuebit_slo import query, shipped
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import Refused
from queuebit_telemetry.handlers import AnswerLevels, KeepSpans

from .conftest import LifeOf, Warehouse, rows_of

pytestmark = pytest.mark.server


async def test_rows_are_verified_by_all_they_hold(
    warehouse: Warehouse, clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position, rows = await clickhouse.position(), rows_of(life_of("acme", "j1"))
    await clickhouse.append(rows, position.generation, "LOG>0")
    stored = await warehouse.verified().rows()
    assert (list(stored.sequences), list(stored.marks)) == ([1, 2, 3, 4, 5, 6], [mark_of(row) for row in rows])
    assert (list(stored.altered), stored.views) == ([], [])


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (
            "ALTER TABLE events MODIFY COLUMN charge Nullable(Decimal(38, 18)) MATERIALIZED 3650.2;"
            "ALTER TABLE events MATERIALIZE COLUMN charge",
            ([], [1, 2, 3, 4, 5, 6], []),
        ),
        (
            "ALTER TABLE events MODIFY COLUMN attempt REMOVE MATERIALIZED;"
            "ALTER TABLE events UPDATE attempt = 9 WHERE type = 'qb.job.completed.v1'",
            ([], [3], []),
        ),
        ("ALTER TABLE events UPDATE tenant = 'evil' WHERE type = 'qb.job.metered.v1'", ([4], [], [])),
        ("ALTER TABLE events UPDATE data = replaceAll(data, '0.1', '9.1') WHERE account = 'main'", ([5], [], [])),
        ("CREATE OR REPLACE VIEW jobs AS SELECT tenant, job, 0 AS charge FROM events", ([], [], ["jobs"])),
    ],
)
async def test_a_warehouse_that_was_rewritten_is_not_taken_for_the_log(
    warehouse: Warehouse, clickhouse: ClickHouse, life_of: LifeOf, statements: str, found: object
) -> None:
    position, rows = await clickhouse.position(), rows_of(life_of("acme", "j1"))
    await clickhouse.append(rows, position.generation, "LOG>0")
    for statement in statements.split(";"):
        alters = statement.startswith("ALTER")
        await clickhouse._command(f"{statement} SETTINGS mutations_sync = 2" if alters else statement)
    stored = await warehouse.verified().rows()
    changed = [row.seq for row, mark in zip(rows, stored.marks, strict=True) if mark_of(row) != mark]
    assert (changed, list(stored.altered), stored.views) == found


VALUES: list[object] = [None, True, -1, 2**64, 1e308, "x" * 5000, "a\0b", [], [[]], [None, 1, {"code": [1]}], {}]


HOSTILE: list[bytes] = [
    *(json.dumps(value).encode() for value in VALUES),
    *(b'"9999-12-31T23:59:59Z"', b'"0001-01-01T00:00:00+14:00"', b'"2026-01-01T00:00:00"', b'"NaN"', b'"-1e999"'),
    *(b'{"amount":"%b","jbu":"-0.%b1","currency":[]}' % (b"9" * 60, b"0" * 60), b'{"qubits":-1,"code":{}}'),
    *(b"NaN", b"1e999", b"9" * 5000, b'"\\ud800"', b'"\xff"', b"[" * 900 + b"]" * 900, b'"' + b"\\u0000" * 99 + b'"'),
]
"""What a sender may put where something else is expected."""


@pytest.mark.parametrize("event", ["submitted", "accepted", "rejected", "completed", "failed", "metered"])
async def test_no_event_is_too_strange_to_be_stored_asked_about_and_verified(
    warehouse: Warehouse, clickhouse: ClickHouse, event: str
) -> None:
    position, now = await clickhouse.position(), datetime.now(UTC)
    inside = ("label", "shots", "user", "profile", "reasons", "reason", "charge", "project", "backend")
    times = ("accepted_at", "started_at", "submitted_at")
    whole = b'{"id":"i","type":"qb.job.%b.v1","time":"2026-01-01T00:00:00Z","data":{"%b":%b}}'
    bodies = [whole % (event.encode(), key.encode(), value) for key in inside + times for value in HOSTILE]
    outside = b'{"type":"qb.job.%b.v1","time":"2026-01-01T00:00:00Z","data":{},"%b":%b}'
    bodies += [
        outside % (event.encode(), key, value) for key in (b"id", b"time", b"type", b"data") for value in HOSTILE
    ]
    rows = [row_of(f"qb.job.acme.j{seq % 9}.{event}", it, seq, now) for seq, it in enumerate(bodies, 1)]
    await clickhouse.append(rows, position.generation, "LOG>0")
    assert await clickhouse._query("SELECT count() AS events FROM events") == [{"events": len(rows)}]
    assert json.dumps([await clickhouse.jobs("acme", Question()), await clickhouse.charges("acme", Question())])
    for objective in shipped():
        await clickhouse.cases(query(objective, now, [objective.window]))
    stored = await warehouse.verified().rows()
    assert list(stored.marks) == [mark_of(row) for row in rows]
    assert not stored.altered


SPAN = {
    "Timestamp": time.time_ns(),
    "TraceId": "a" * 32,
    "SpanId": "b" * 16,
    "SpanName": "broker-submitted process",
    "SpanKind": "Consumer",
    "ServiceName": "broker",
    "SpanAttributes": {"messaging.system": "nats"},
    "Duration": 1500,
    "StatusCode": "Unset",
    "FutureColumn": 1,
}


async def test_spans_that_the_warehouse_refuses_hold_up_no_others(clickhouse: ClickHouse) -> None:
    days = [
        SPAN | {"Timestamp": day * 86_400 * 10**9} for day in range(200)
    ]  # more partitions than an insert may touch
    keep = KeepSpans(clickhouse, 0.01)
    bodies = [[SPAN], days, [SPAN | {"SpanId": "c" * 16}]]
    ends = await asyncio.gather(
        *(keep(json.dumps(spans).encode(), number) for number, spans in enumerate(bodies)), return_exceptions=True
    )
    assert [type(end) for end in ends] == [type(None), Refused, type(None)]
    rows = await clickhouse._query("SELECT SpanId FROM otel_traces FINAL ORDER BY SpanId")
    assert [row["SpanId"][0] for row in rows] == ["b", "c"]


async def test_a_line_of_a_log_that_is_delivered_twice_is_one_row(clickhouse: ClickHouse) -> None:
    line = {
        "Timestamp": time.time_ns(), "SeverityText": "ERROR", "SeverityNumber": 17, "ServiceName": "broker",
        "Body": "no place", "LogAttributes": {"queuebit.job": "j1"},
    }  # fmt: skip
    for number in (1, 2):
        await KeepSpans(clickhouse, 0)(json.dumps([line]).encode(), number)
    rows = await clickhouse._query("SELECT Body, LogAttributes['queuebit.job'] AS job FROM otel_logs FINAL")
    assert rows == [{"Body": "no place", "job": "j1"}]


ANSWERS: dict[str, tuple[str, bytes]] = {
    "nothing": ("", b""),
    "another column": ("", b"\x01\x01\x01a\x06String\x02hi"),
    "a page of a proxy": ("", b"<html>back soon</html>"),
    "no text": ("", b"\x01\x01\xad\xff"),
    "no such type": ("", b"\x01\x01\x01a\x10Decimal(\x138, 18)\x00\x00"),
    "more rows than there is memory": ("", b"\x01\xff\xff\xff\xff\xff\xff\xff\x7f\x01a\x06UInt64"),
    **{encoding: (encoding, b"junk") for encoding in ("gzip", "deflate", "zstd", "lz4", "br", "nonsense")},
    "gzip cut short": ("gzip", gzip.compress(b"\x01\x01\x01a\x06String\x02hi")[:-9]),
}


@pytest.mark.parametrize(("encoding", "body"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_that_is_none_is_a_fault_like_any_other(encoding: str, body: bytes) -> None:
    bad = False

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = b"26.9.2.1\tUTC\n" if b"version()" in await reader.read(65536) else b""
        if bad:
            said = body
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\n" % encoding.encode())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n")
        writer.write(b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = ClickHouse(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "queuebit", "none")
        await client._client()
        bad, levels = True, AnswerLevels(client, shipped()[:1], SystemClock())
        with pytest.raises(Fault):
            await client.position()
        with pytest.raises(Fault):
            await levels("acme", Question())
        await client.close()


async def test_span_delivered_twice_is_one_row(clickhouse: ClickHouse) -> None:
    body = json.dumps([SPAN, SPAN | {"SpanId": "c" * 16}]).encode()
    await KeepSpans(clickhouse, 0)(body, 1)
    await KeepSpans(clickhouse, 0)(body, 1)
    await KeepSpans(clickhouse, 0)(body, 2)
    rows = await clickhouse._query(
        "SELECT SpanId, toUnixTimestamp64Nano(Timestamp) AS at, SpanAttributes FROM otel_traces FINAL ORDER BY SpanId"
    )
    assert [row["SpanId"][0] for row in rows] == ["b", "c"]
    assert rows[0]["at"] == SPAN["Timestamp"]
    assert rows[0]["SpanAttributes"] == SPAN["SpanAttributes"]
    assert await clickhouse._query("SELECT DISTINCT TraceId FROM otel_traces_trace_id_ts") == [{"TraceId": "a" * 32}]
