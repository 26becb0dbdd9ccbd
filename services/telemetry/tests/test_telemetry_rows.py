"""Messages of the log as rows: whatever a client publishes, there is a row and no view is fooled."""

from __future__ import annotations

import json
import sys
import tracemalloc
from datetime import UTC, datetime

import pytest

from queuebit_contracts.subjects import subject_of
from queuebit_runtime.rows import Row, row_of
from queuebit_telemetry.state import PARTITION, Buffer

from .conftest import LifeOf

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def _row(seq: int, size: int = 1) -> Row:
    return row_of("qb.job.acme.j1.submitted", b"x" * size, seq, NOW)


def test_a_row_that_waits_takes_little_more_than_its_content(life_of: LifeOf) -> None:
    messages = [(subject_of(event), event.to_bytes()) for event in life_of("acme", "j1")]
    tracemalloc.start()
    try:
        rows = [row_of(subject, body, 7, NOW) for subject, body in messages * 20]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * sum(sys.getsizeof(row) + sum(map(sys.getsizeof, row)) for row in rows)


def test_event_becomes_its_columns(life_of: LifeOf) -> None:
    for event in life_of("acme", "j1"):
        row = row_of(subject_of(event), event.to_bytes(), 7, NOW)
        assert (row.seq, row.type, row.tenant, row.job) == (7, event.type, "acme", "j1")
        assert json.loads(row.data) == json.loads(event.to_bytes())["data"]
        assert row.event_time == round(event.time.timestamp() * 1e6)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"type":"qb.job.submitted.v1","time":"2026-01-01T00:00:00Z"}',
        b'{"type":"qb.job.submitted.v1","time":"2026-01-01T00:00:00","data":{}}',
        b'{"type":"qb.job.submitted.v1","time":"0001-01-01T00:00:00Z","data":{}}',
        b'{"type":"qb.job.submitted.v1","time":5,"data":{}}',
        b'{"type":["qb"],"time":"2026-01-01T00:00:00Z","data":{}}',
        b'{"type":"x","time":"2026-01-01T00:00:00Z","data":{}}',
        pytest.param(
            b'{"type":"qb.job.metered.v1","time":"2026-01-01T00:00:00Z","data":{"charge":{"amount":"-9"}}}',
            id="an event of another name than its subject",
        ),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_malformed_body_is_kept_whole_under_no_type(body: bytes) -> None:
    row = row_of("qb.job.acme.j1.submitted", body, 3, NOW)
    assert (row.seq, row.type, row.tenant, row.job, row.data) == (3, "", "acme", "j1", body)
    assert row.event_time == row.stored_at


@pytest.mark.parametrize(
    ("subject", "type_"),
    [("qb.job.acme.j1.praised", "qb.job.praised.v1"), ("qb.job.acme.j1.submitted", "qb.job.submitted.v9")],
)
def test_an_event_of_an_unknown_type_has_its_row(subject: str, type_: str) -> None:
    document = {"type": type_, "time": "2026-01-01T00:00:00Z", "id": "e1", "data": {"job": "other", "stars": [5]}}
    row = row_of(subject, json.dumps(document).encode(), 7, NOW)
    assert (row.type, row.subject, row.tenant, row.job) == (type_, subject, "acme", "j1")
    assert json.loads(row.data) == document["data"]


def test_tenant_is_the_subjects_whatever_the_body_claims(life_of: LifeOf) -> None:
    row = row_of("qb.job.evil.j9.submitted", life_of("acme", "j1")[0].to_bytes(), 1, NOW)
    assert (row.tenant, row.job) == ("evil", "j9")


def test_batch_ends_at_rows_at_bytes_and_at_the_partition() -> None:
    buffer = Buffer(max_rows=3, max_bytes=100)
    for seq, size in ((1, 1), (2, 1), (3, 1), (4, 90), (5, 90), (PARTITION - 1, 1), (PARTITION, 1)):
        buffer.add(_row(seq, size))
    cuts = []
    while buffer:
        batch = buffer.batch()
        cuts.append([row.seq for row in batch])
        buffer.drop_through(batch[-1].seq)
    assert cuts == [[1, 2, 3], [4], [5, PARTITION - 1], [PARTITION]]


def test_buffer_is_full_at_two_batches() -> None:
    buffer = Buffer(max_rows=2, max_bytes=100)
    for seq in range(1, 5):
        assert not buffer.full
        buffer.add(_row(seq))
    assert buffer.full
    buffer.drop_through(1)
    assert not buffer.full
