"""The tables and the questions, on a real warehouse."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Charge, Correction, JobCorrected, JobRejected, Rejection, Usage
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import event_name, subject_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import Fault, SystemClock
from queuebit_runtime.rows import Row, mark_of, row_of
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import OtherGeneration, Refused, Unsound
from queuebit_telemetry.handlers import KeepSpans
from queuebit_telemetry.policy import Ratio
from queuebit_telemetry.queries import COUNTS
from queuebit_telemetry.rebuild import rebuild
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.sink import Sink

pytestmark = pytest.mark.server

Life = Callable[..., list[AnyEvent]]


def rows_of(events: list[AnyEvent], first: int = 1) -> list[Row]:
    now = datetime.now(UTC)
    return [row_of(subject_of(it), it.to_bytes(), seq, now) for seq, it in enumerate(events, first)]


async def test_tables_are_made_once_and_anew_only_by_rebuild(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    await clickhouse.create()
    assert await clickhouse.position() == position

    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    assert (await clickhouse.position()).seq == 6
    await rebuild(clickhouse)
    with pytest.raises(OtherGeneration):
        await clickhouse.append(rows_of(life_of("acme", "j2"), 7), position.generation, "LOG>6")
    anew = await clickhouse.position()
    assert anew.generation != position.generation
    assert anew.seq == 0


async def test_second_insert_at_one_place_is_dropped_whole(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    events = life_of("acme", "j1")
    await clickhouse.append(rows_of(events[:4]), position.generation, "LOG>0")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    assert (await clickhouse.position()).seq == 4
    assert await clickhouse.count_events("acme") == 4


async def test_large_batch_is_one_part(clickhouse: ClickHouse) -> None:
    position = await clickhouse.position()
    now = datetime.now(UTC)
    rows = [row_of("qb.job.acme.j1.submitted", bytes([65 + seq % 26]) * 1600, seq, now) for seq in range(1, 10_001)]
    await clickhouse.append(rows, position.generation, "LOG>0")
    parts = await clickhouse._query(
        "SELECT rows, max_block_number - min_block_number AS merged FROM system.parts WHERE table = 'events' AND active"
    )
    assert parts == [{"rows": 10_000, "merged": 0}]


class Rows(str):
    """A text that can be watched."""


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
async def test_what_was_inserted_does_not_wait_for_the_collector(clickhouse: ClickHouse) -> None:
    position, output = await clickhouse.position(), Rows("a")
    alive = weakref.ref(output)
    row = row_of("qb.job.acme.j1.submitted", b"x", 1, datetime.now(UTC))._replace(subject=output)
    await clickhouse.append([row], position.generation, "LOG>0")
    del row, output
    assert alive() is None


async def test_job_is_reported_from_its_events(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    events = life_of("acme", "j1") + life_of("acme", "j2")[:2] + life_of("evil", "j3")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    newest, oldest = sorted(await clickhouse.jobs("acme", Question()), key=lambda it: it["state"] != "accepted")
    assert (newest["job"], newest["state"], newest["charge"], newest["sealed"]) == ("j2", "accepted", None, 0)
    assert oldest | {"submitted_at": "", "accepted_at": "", "ended_at": ""} == {
        "job": "j1",
        "project": "main",
        "state": "completed",
        "backend": "aer",
        "shots": 1000,
        "qubits": 2,
        "label": "j1.qasm",
        "user": "ann",
        "submitted_at": "",
        "accepted_at": "",
        "placed_at": None,
        "started_at": None,
        "ended_at": "",
        "queue_wait_ms": 120,
        "end_to_end_ms": 700,
        "charge": "0.100000000000000001",
        "currency": "USD",
        "jbu": "2.50",
        "provisional": 0,
        "sealed": 1,
        "reasons": [],
    }
    assert json.dumps(oldest)
    assert [it["job"] for it in await clickhouse.jobs("acme", Question(job="j1"))] == ["j1"]
    assert await clickhouse.jobs("acme", Question(project="other")) == []
    assert len(await clickhouse.jobs("acme", Question(limit=1))) == 1


async def test_a_charge_is_provisional_until_its_hold_is_settled(clickhouse: ClickHouse, life_of: Life) -> None:
    position, found = await clickhouse.position(), {}
    for seq, event in enumerate(life_of("acme", "j1"), 1):
        await clickhouse.append(rows_of([event], seq), position.generation, f"LOG>{seq - 1}")
        (row,) = await clickhouse.jobs("acme", Question())
        found[event_name(event.type)] = row["provisional"]
    assert found == {"submitted": 0, "accepted": 0, "completed": 0, "metered": 1, "settled": 0, "sealed": 0}


def altered(event: AnyEvent, **data: Any) -> AnyEvent:
    return event.model_copy(update={"id": f"{event.id}+", "data": event.data.model_copy(update=data)})


async def test_no_later_submission_changes_what_was_decided(clickhouse: ClickHouse, life_of: Life) -> None:
    """State and content of a job, for each place where another submission may come in between."""
    position = await clickhouse.position()
    events: list[AnyEvent] = []
    for at, length in ((1, 1), (2, 2), (3, 3), (6, 6), (1, 6)):
        life = life_of("acme", f"at{at}of{length}")[:length]
        again = altered(life[0], label="zzz", shots=9999, project="zzz", backend="zzz")
        events += [*life[:at], again.model_copy(update={"time": again.time - timedelta(days=1)}), *life[at:]]
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    output = {it["job"]: (it["state"], it["label"], it["shots"]) for it in await clickhouse.jobs("acme", Question())}
    assert output == {
        "at1of1": ("submitted", "at1of1.qasm", 1000),
        "at2of2": ("accepted", "at2of2.qasm", 1000),
        "at3of3": ("completed", "at3of3.qasm", 1000),
        "at6of6": ("completed", "at6of6.qasm", 1000),
        "at1of6": ("completed", "zzz", 9999),
    }
    ended = next(it for it in await clickhouse.jobs("acme", Question()) if it["job"] == "at6of6")
    assert (ended["project"], ended["backend"]) == ("main", "aer")
    assert str(ended["submitted_at"])[:10] == str(events[-1].time.date())


async def test_a_view_of_another_version_is_replaced(clickhouse: ClickHouse, tmp_path: Path) -> None:
    position = await clickhouse.position()
    await clickhouse._command("CREATE OR REPLACE VIEW jobs AS SELECT 1 AS old")

    class Idle:
        caught_up = asyncio.Event()

        async def run(self) -> None:
            await asyncio.Event().wait()

    sink = Sink(clickhouse, lambda fold, after: Idle(), Settings(warehouse_password_file=tmp_path), SystemClock())
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        while sink.position != position:
            await asyncio.sleep(0.01)
        assert await clickhouse.jobs("acme", Question()) == []
        task.cancel()


async def test_a_job_that_never_started_has_no_queue_wait(clickhouse: ClickHouse, life_of: Life) -> None:
    position, events = await clickhouse.position(), life_of("acme", "ran") + life_of("acme", "refused")[:1]
    whose = {"tenant": "acme", "project": "main", "job": "refused", "submitted_at": events[0].time}
    refusal = Rejection.model_validate({**whose, "reasons": [Reason(code="over_budget", text="too expensive")]})
    events.append(JobRejected(source="qb/broker", data=refusal))
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    (row,) = await clickhouse._query(
        "SELECT count(), avg(queue_wait_ms) AS mean, countIf(queue_wait_ms = 0) AS zero FROM jobs"
    )
    assert (row["count()"], row["mean"], row["zero"]) == (2, 120, 0)


async def test_tables_of_an_earlier_version_are_set_aside_and_dropped_when_refilled(
    clickhouse: ClickHouse, life_of: Life
) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    await clickhouse._command("ALTER TABLE events MODIFY COMMENT 'queuebit schema 1, generation abc'")
    with pytest.raises(Unsound):
        await clickhouse.position()
    await clickhouse.set_aside()
    await clickhouse.create()
    await clickhouse.forget_set_aside()
    assert [row["name"] for row in await clickhouse._query("SHOW TABLES LIKE 'events%'")] == [
        "events",
        "events_set_aside",
    ]
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    await clickhouse.forget_set_aside()
    await clickhouse.forget_set_aside()
    assert [row["name"] for row in await clickhouse._query("SHOW TABLES LIKE 'events%'")] == ["events"]


async def test_what_was_set_aside_survives_damage_to_the_table_that_is_to_replace_it(
    clickhouse: ClickHouse, life_of: Life
) -> None:
    rows = rows_of(life_of("acme", "j1"))
    for held in (rows, rows[:2]):
        await clickhouse.append(held, (await clickhouse.position()).generation, "LOG>0")
        await clickhouse.set_aside()
        await clickhouse.create()
    assert (await clickhouse.position()).seq == 0
    (kept,) = await clickhouse._query("SELECT count() AS rows FROM events_set_aside")
    assert kept["rows"] == len(rows)


async def test_a_table_with_a_detached_part_is_unsound(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    (part,) = await clickhouse._query("SELECT name FROM system.parts WHERE table = 'events' AND active")
    await clickhouse._command(f"ALTER TABLE events DETACH PART '{part['name']}'")
    with pytest.raises(Unsound, match="1 damaged part"):
        await clickhouse.position()


async def test_charges_add_up_exactly_by_project(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    events = [event for number in range(10) for event in life_of("acme", f"j{number}")] + life_of("evil", "j99")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    assert await clickhouse.charges("acme", Question()) == [
        {"project": "main", "currency": "USD", "jobs": 10, "amount": "1.00000000000000001", "jbu": "25.00"}
    ]
    assert await clickhouse.charges("nobody", Question()) == []


async def test_a_corrected_bill_is_charged_once_with_its_delta(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    delta = Charge(amount="-0.04", currency="USD", jbu="-1")
    data = Correction(
        tenant="acme", project="main", job="j1", revision=1, report=1, usage=Usage(), charge=delta, delta=delta,
        reason="late", final=True, price_book="sha256:" + "0" * 64,
    )  # fmt: skip
    rows = rows_of([*life_of("acme", "j1"), JobCorrected(source="qb/test", data=data), *life_of("acme", "j2")])
    await clickhouse.append(rows, position.generation, "LOG>0")
    await clickhouse.append(rows, position.generation, "LOG>1")  # the same rows under another token
    assert await clickhouse.charges("acme", Question()) == [
        {"project": "main", "currency": "USD", "jobs": 2, "amount": "0.160000000000000002", "jbu": "4.00"}
    ]
    (job,) = await clickhouse.jobs("acme", Question(job="j1"))
    assert (job["charge"], job["jbu"], job["state"]) == ("0.060000000000000001", "1.50", "completed")


async def test_counters_are_those_of_the_rows(clickhouse: ClickHouse, life_of: Life) -> None:
    position = await clickhouse.position()
    events = [event for number in range(20) for event in life_of("acme", f"j{number}", number * 20)]
    events += life_of("acme", "unsealed")[:3] + life_of("evil", "j99")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    now = datetime.now(UTC)
    since = now - timedelta(days=1)
    later = await clickhouse.counts("acme", since, now + timedelta(minutes=1))
    assert later.success == Ratio(21, 21)
    assert later.receipts == Ratio(20, 21)
    assert sum(later.queue_wait.histogram) == sum(later.end_to_end.histogram) == 21
    assert (later.queue_wait.longest_ms, later.end_to_end.longest_ms) == (500, 700)
    assert (await clickhouse.counts("acme", since, now - timedelta(minutes=1))).receipts == Ratio(0, 0)

    values = {"tenant": "acme", "since": int(since.timestamp())}
    client = await clickhouse._client()
    by_projection = await client.query(COUNTS, parameters=values, settings={"force_optimize_projection_name": "levels"})
    by_rows = await client.query(COUNTS, parameters=values, settings={"optimize_use_projections": 0})
    assert by_projection.result_rows == by_rows.result_rows


async def test_rows_are_verified_by_all_they_hold(warehouse: Any, clickhouse: ClickHouse, life_of: Life) -> None:
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
            "ALTER TABLE events MODIFY COLUMN queue_wait_bucket REMOVE MATERIALIZED;"
            "ALTER TABLE events UPDATE queue_wait_bucket = 1 WHERE type = 'qb.job.completed.v1'",
            ([], [3], []),
        ),
        ("ALTER TABLE events UPDATE tenant = 'evil' WHERE type = 'qb.job.metered.v1'", ([4], [], [])),
        ("ALTER TABLE events UPDATE data = replaceAll(data, '0.1', '9.1') WHERE account = 'main'", ([5], [], [])),
        ("CREATE OR REPLACE VIEW jobs AS SELECT tenant, job, 0 AS charge FROM events", ([], [], ["jobs"])),
    ],
)
async def test_a_warehouse_that_was_rewritten_is_not_taken_for_the_log(
    warehouse: Any, clickhouse: ClickHouse, life_of: Life, statements: str, found: object
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
    warehouse: Any, clickhouse: ClickHouse, event: str
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
    assert await clickhouse.count_events("acme") == len(rows)
    assert json.dumps([await clickhouse.jobs("acme", Question()), await clickhouse.charges("acme", Question())])
    await clickhouse.counts("acme", now - timedelta(days=1), now)
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
        bad, now = True, datetime.now(UTC)
        for question in (client.position(), client.counts("acme", now, now), client.count_events("acme")):
            with pytest.raises(Fault):
                await question
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
