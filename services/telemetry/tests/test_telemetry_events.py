"""The table `events` as its writer sees it: the one in memory obeys the same laws as the warehouse's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from queuebit_runtime.rows import Row, row_of
from queuebit_telemetry.errors import NoTables, OtherGeneration
from queuebit_telemetry.ports import Events

from .conftest import Warehouse
from .test_telemetry_sink import MemoryEvents


def rows(*sequences: int) -> list[Row]:
    now = datetime.now(UTC)
    return [row_of("qb.job.acme.j1.submitted", b"x", sequence, now) for sequence in sequences]


class EventsLaws:
    """Asks for the fixture `events`, a warehouse without tables."""

    async def test_an_empty_warehouse_has_no_place(self, events: Events) -> None:
        with pytest.raises(NoTables):
            await events.position()
        await events.create()
        position = await events.position()
        assert position.seq == 0
        await events.create()
        assert await events.position() == position

    async def test_an_insert_is_stored_once_by_its_token(self, events: Events) -> None:
        await events.create()
        generation = (await events.position()).generation
        await events.append(rows(1, 2, 3), generation, "LOG>0")
        await events.append(rows(1, 2, 3, 4, 5), generation, "LOG>0")
        assert (await events.position()).seq == 3
        await events.append(rows(4, 5), generation, "LOG>3")
        assert (await events.position()).seq == 5

    async def test_a_writer_of_another_generation_is_refused(self, events: Events) -> None:
        await events.create()
        generation = (await events.position()).generation
        with pytest.raises(OtherGeneration):
            await events.append(rows(1), f"{generation}0", "LOG>0")
        assert (await events.position()).seq == 0

    async def test_a_table_that_is_set_aside_makes_room_for_another_generation(self, events: Events) -> None:
        await events.create()
        first = (await events.position()).generation
        await events.append(rows(1, 2), first, "LOG>0")
        await events.set_aside()
        with pytest.raises(NoTables):
            await events.position()
        await events.create()
        second = await events.position()
        assert second.generation != first
        assert second.seq == 0
        with pytest.raises(OtherGeneration):
            await events.append(rows(1, 2), first, "LOG>0")
        await events.append(rows(1, 2), second.generation, "LOG>0")
        await events.forget_set_aside()
        assert (await events.position()).seq == 2

    async def test_without_its_table_nothing_is_stored(self, events: Events) -> None:
        await events.create()
        generation = (await events.position()).generation
        await events.set_aside()
        with pytest.raises(NoTables):
            await events.append(rows(1), generation, "LOG>0")


class TestMemoryEvents(EventsLaws):
    @pytest.fixture
    def events(self) -> Events:
        return MemoryEvents()


@pytest.mark.server
class TestClickHouse(EventsLaws):
    @pytest.fixture
    async def events(self, warehouse: Warehouse) -> AsyncIterator[Events]:
        client = warehouse.client()
        await client._command("DROP TABLE IF EXISTS events_set_aside SYNC")
        yield client
        await client.close()
