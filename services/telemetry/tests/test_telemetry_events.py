"""The table `events` as its writer sees it: the one in memory obeys the same laws as the warehouse's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from queuebit_contracts.clustered import stored_tables
from queuebit_runtime.rows import Row, row_of
from queuebit_telemetry.adapters import ClickHouse
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


@pytest.mark.server
class TestServer(EventsLaws):
    """The same laws over a ClickHouse server of yours: it loses the tables of its database."""

    @pytest.fixture
    async def events(self) -> AsyncIterator[Events]:
        if not (named := os.environ.get("CLICKHOUSE_URL")):
            pytest.skip("no server: CLICKHOUSE_URL=http://USER:PASSWORD@HOST:8123, CLICKHOUSE_CLUSTER for a cluster")
        address = urlsplit(named)
        url = f"{address.scheme}://{address.hostname}:{address.port or 8123}"
        cluster = os.environ.get("CLICKHOUSE_CLUSTER", "")
        client = ClickHouse(url, address.username or "default", address.password or "", cluster)
        await client.drop_events()
        yield client
        await client.close()


async def test_on_a_cluster_every_table_is_made_on_all_servers() -> None:
    """What is sent, since no cluster is here."""
    sent = list[str]()

    class Recorded(ClickHouse):
        async def _client(self) -> Any:
            async def command(statement: str, **_: object) -> None:
                sent.append(statement)

            return SimpleNamespace(command=command)

    await Recorded("http://127.0.0.1:1", "queuebit", "none", "main").create()
    assert sum("ENGINE = Replicated" in it for it in sent) == len(stored_tables())
    assert sum("ENGINE = Distributed" in it for it in sent) == len(stored_tables())
    assert all("ON CLUSTER 'main'" in it for it in sent if "ALTER TABLE" not in it)
    sent.clear()
    await Recorded("http://127.0.0.1:1", "queuebit", "none").create()
    assert not any("ON CLUSTER" in it or "Replicated" in it for it in sent)
