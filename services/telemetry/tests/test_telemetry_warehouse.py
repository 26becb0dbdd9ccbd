"""The tables, on a real warehouse."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_contracts.query import Question
from queuebit_contracts.tables import VERSION
from queuebit_kernel import SystemClock
from queuebit_runtime.rows import row_of
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import OtherGeneration, Unsound
from queuebit_telemetry.rebuild import rebuild
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.sink import Sink

from .conftest import LifeOf, rows_of

pytestmark = pytest.mark.server


async def test_tables_are_created_once_and_again_only_by_rebuild(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    await clickhouse.create()
    assert await clickhouse.position() == position

    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    assert (await clickhouse.position()).seq == 6
    await rebuild(clickhouse)
    with pytest.raises(OtherGeneration):
        await clickhouse.append(rows_of(life_of("acme", "j2"), 7), position.generation, "LOG>6")
    rebuilt = await clickhouse.position()
    assert rebuilt.generation != position.generation
    assert rebuilt.seq == 0


async def test_second_insert_at_one_place_is_dropped_whole(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    events = life_of("acme", "j1")
    await clickhouse.append(rows_of(events[:4]), position.generation, "LOG>0")
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    assert (await clickhouse.position()).seq == 4
    assert await clickhouse._query("SELECT count() AS events FROM events") == [{"events": 4}]


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


async def test_a_view_of_another_version_is_replaced(clickhouse: ClickHouse, tmp_path: Path) -> None:
    position = await clickhouse.position()
    await clickhouse._command("CREATE OR REPLACE VIEW jobs AS SELECT 1 AS old")

    class Idle:
        caught_up = asyncio.Event()

        async def run(self) -> None:
            await asyncio.Event().wait()

    sink = Sink(clickhouse, lambda fold, after: Idle(), Settings(warehouse_password_file=tmp_path), SystemClock())
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        while sink.position != position:
            await asyncio.sleep(0.01)
        assert await clickhouse.jobs("acme", Question()) == []
        task.cancel()


async def test_tables_of_an_earlier_version_are_set_aside_and_dropped_when_refilled(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    await clickhouse._command(f"ALTER TABLE events MODIFY COMMENT 'queuebit schema {VERSION - 1}, generation abc'")
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
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    rows = rows_of(life_of("acme", "j1"))
    for held in (rows, rows[:2]):
        await clickhouse.append(held, (await clickhouse.position()).generation, "LOG>0")
        await clickhouse.set_aside()
        await clickhouse.create()
    assert (await clickhouse.position()).seq == 0
    (kept,) = await clickhouse._query("SELECT count() AS rows FROM events_set_aside")
    assert kept["rows"] == len(rows)


async def test_a_table_with_a_detached_part_is_unsound(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(life_of("acme", "j1")), position.generation, "LOG>0")
    (part,) = await clickhouse._query("SELECT name FROM system.parts WHERE table = 'events' AND active")
    await clickhouse._command(f"ALTER TABLE events DETACH PART '{part['name']}'")
    with pytest.raises(Unsound, match="1 damaged part"):
        await clickhouse.position()
