"""Telemetry's tables and exactly-once inserts, on the ClickHouse image of production."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from queuebit_contracts.query import Question
from queuebit_contracts.subjects import subject_of
from queuebit_runtime.rows import Row, row_of
from queuebit_stack.home import Home
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.errors import OtherGeneration
from queuebit_telemetry.rebuild import rebuild
from queuebit_testing.build import submitted

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]  # the first run fetches an image


@pytest.fixture
async def clickhouse(clickhouse_url: str, prepared: Home) -> AsyncIterator[ClickHouse]:
    """The server, with empty tables."""
    clickhouse = ClickHouse(clickhouse_url, "queuebit", prepared.warehouse_password.read_text().strip())
    await clickhouse.create()
    await rebuild(clickhouse)
    yield clickhouse
    await clickhouse.close()


def rows(first: int, last: int) -> list[Row]:
    now = datetime.now(UTC)
    events = [(seq, submitted(f"k{seq}")) for seq in range(first, last + 1)]
    return [row_of(subject_of(event), event.to_bytes(), seq, now) for seq, event in events]


async def test_each_batch_is_stored_once_if_it_is_repeated(clickhouse: ClickHouse) -> None:
    generation = (await clickhouse.position()).generation
    for _ in range(3):
        await clickhouse.append(rows(1, 50), generation, "LOG>0")
    await clickhouse.append(rows(51, 80), generation, "LOG>50")
    assert (await clickhouse.position()).seq == 80
    assert await clickhouse._query("SELECT count() AS events FROM events") == [{"events": 80}]


async def test_a_batch_of_another_size_at_the_same_position_is_dropped_completely(clickhouse: ClickHouse) -> None:
    generation = (await clickhouse.position()).generation
    await clickhouse.append(rows(1, 50), generation, "LOG>0")
    await clickhouse.append(rows(1, 60), generation, "LOG>0")
    assert await clickhouse._query("SELECT count() AS events FROM events") == [{"events": 50}]


async def test_tables_that_were_created_again_refuse_inserts_for_the_old_ones(clickhouse: ClickHouse) -> None:
    old = (await clickhouse.position()).generation
    await rebuild(clickhouse)
    with pytest.raises(OtherGeneration):
        await clickhouse.append(rows(1, 5), old, "LOG>0")
    assert (await clickhouse.position()).seq == 0


async def test_jobs_are_reported_only_to_their_tenant(clickhouse: ClickHouse) -> None:
    await clickhouse.append(rows(1, 5), (await clickhouse.position()).generation, "LOG>0")
    assert len(await clickhouse.jobs("acme", Question())) == 5
    assert await clickhouse.jobs("evil", Question()) == []


@pytest.mark.parametrize("user", ["default", "queuebit"])
def test_a_login_without_the_password_is_refused(clickhouse_url: str, user: str) -> None:
    with (
        pytest.raises(urllib.error.HTTPError) as refused,
        urllib.request.urlopen(f"{clickhouse_url}/?user={user}&query=SELECT+1"),
    ):
        pass
    assert refused.value.code in {401, 403}
    refused.value.close()
