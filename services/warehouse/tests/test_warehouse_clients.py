"""The standard driver with its default settings, sync and async, against a real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from .conftest import Warehouse

pytestmark = pytest.mark.server


@pytest.fixture
def client(warehouse: Warehouse) -> Iterator[Client]:
    with warehouse.client() as connected:
        yield connected


@pytest.fixture
async def async_client(warehouse: Warehouse) -> AsyncIterator[AsyncClient]:
    connected = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=warehouse.port, username=warehouse.user, password=warehouse.password
    )
    async with connected:
        yield connected


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    rows = client.query("SELECT {n:UInt8} + 1, {s:String}", parameters={"n": 41, "s": "it's\t\\"}).result_rows
    assert rows == [(42, "it's\t\\")]


def test_a_token_makes_a_repeated_insert_count_once(client: Client, table: str) -> None:
    arrow = pa.table({"id": pa.array([4, 5], pa.uint64()), "name": ["d", "e"]})
    for _ in range(2):
        client.insert(table, [[1, "a"], [2, "b"]], ["id", "name"], settings={"insert_deduplication_token": "rows"})
        client.insert(
            table,
            [[3], ["c"]],
            ["id", "name"],
            column_oriented=True,
            settings={"insert_deduplication_token": "columns"},
        )
        client.insert_arrow(table, arrow, settings={"insert_deduplication_token": "arrow"})
    assert client.query(f"SELECT id FROM {table} ORDER BY id").result_rows == [(n,) for n in range(1, 6)]


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_compression_of_requests_and_responses(warehouse: Warehouse, table: str, compress: str | bool) -> None:
    with warehouse.client(compress=compress) as client:
        summary = client.insert(table, [[i, f"name {i}"] for i in range(5000)], ["id", "name"])
        assert summary.written_rows == 5000
        assert client.query(f"SELECT sum(id), uniqExact(name) FROM {table}").first_row == (12497500, 5000)
        assert len(client.query(f"SELECT * FROM {table}").result_rows) == 5000


def test_arrow_and_metadata_reads(client: Client, table: str) -> None:
    assert client.query_arrow("SELECT number AS n FROM numbers(3)").to_pydict() == {"n": [0, 1, 2]}
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("id", "name", "at")
    assert client.query(f"SELECT * FROM {table}").result_rows == []


def test_a_large_result_streams(client: Client) -> None:
    seen = 0
    with client.query_row_block_stream("SELECT number, toString(number) FROM numbers(300000)") as blocks:
        for block in blocks:
            seen += len(block)
    assert seen == 300_000


def test_a_failure_in_the_middle_of_a_stream_is_reported(client: Client) -> None:
    failing = "SELECT throwIf(number = 900000), number, toString(number) FROM numbers(1000000)"
    with pytest.raises(StreamFailureError, match="THROW_IF"), client.query_row_block_stream(failing) as blocks:
        for _ in blocks:
            pass


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELEC 1", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT * FROM no_such_table", 60),
        ("SELECT no_such_column", 47),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
        ("SELECT throwIf(1)", 395),
        ("SELECT * FROM file('/etc/passwd')", 291),
        ("SELECT groupArray(number) FROM numbers(100000000) SETTINGS max_memory_usage = 1000000", 241),
        ("SELECT sleepEachRow(1) FROM numbers(3) SETTINGS max_execution_time = 0.1, max_block_size = 1", 159),
    ],
)
def test_errors_have_the_codes_of_clickhouse(client: Client, statement: str, code: int) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.command(statement)
    assert refused.value.code == code


def test_a_wrong_password_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(DatabaseError) as refused:
        clickhouse_connect.get_client(host="127.0.0.1", port=warehouse.port, username=warehouse.user, password="guess")
    assert refused.value.code == 516


def test_a_session_keeps_its_settings_tables_and_database(client: Client) -> None:
    client.command("SET max_block_size = 77")
    assert client.command("SELECT getSetting('max_block_size')", settings={"max_block_size": 5}) == 5
    assert client.command("SELECT getSetting('max_block_size')") == 77
    client.command("CREATE TEMPORARY TABLE mine (a Int32)")
    client.insert("mine", [[1], [2]], ["a"])
    assert client.command("SELECT sum(a) FROM mine") == 3
    client.command("USE system")
    assert client.command("SELECT currentDatabase()") == "system"


def test_sessions_do_not_see_one_another(warehouse: Warehouse, client: Client) -> None:
    client.command("CREATE TEMPORARY TABLE hidden (a Int32)")
    with warehouse.client() as other, pytest.raises(DatabaseError) as refused:
        other.command("SELECT * FROM hidden")
    assert refused.value.code == 60


def test_external_data_exists_only_during_its_query(client: Client) -> None:
    data = ExternalData(file_name="sent.csv", data=b"1\n2\n3\n", fmt="CSV", structure="x UInt32")
    for _ in range(2):
        assert client.query("SELECT sum(x) FROM sent", external_data=data).first_row == (6,)


async def test_the_async_client_inserts_once_and_runs_queries_in_parallel(
    warehouse: Warehouse, table: str, async_client: AsyncClient
) -> None:
    for _ in range(2):
        await async_client.insert(table, [[1, "a"]], ["id", "name"], settings={"insert_deduplication_token": "one"})
    assert (await async_client.query(f"SELECT count() FROM {table}")).first_row == (1,)
    others = [
        await clickhouse_connect.get_async_client(
            host="127.0.0.1", port=warehouse.port, username=warehouse.user, password=warehouse.password
        )
        for _ in range(8)
    ]
    answers = await asyncio.gather(
        *(other.query("SELECT {n:UInt8}", parameters={"n": n}) for n, other in enumerate(others))
    )
    assert [answer.first_row for answer in answers] == [(n,) for n in range(8)]
    for other in others:
        await other.close()


async def test_the_async_client_streams(async_client: AsyncClient) -> None:
    seen = 0
    async with await async_client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
        async for block in blocks:
            seen += len(block)
    assert seen == 300_000
