"""A connection to the warehouse behind ClickHouse's HTTP interface: queries, commands and inserts, with our faults."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from clickhouse_connect import get_async_client
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.compression import _ZstdError as ZstdError
from clickhouse_connect.driver.exceptions import ClickHouseError

from queuebit_contracts.clustered import clustered
from queuebit_kernel import Unavailable
from queuebit_telemetry.errors import NoTables, OtherGeneration, Refused

__all__ = ["ONE_PART", "Client", "faults"]

_UNKNOWN_TABLE, _VIOLATED_CONSTRAINT = 60, 469

_UNREADABLE = (
    *(ValueError, LookupError, TypeError, EOFError, ImportError, MemoryError, RuntimeError, SystemError),
    *(zlib.error, ZstdError),
)
"""Errors of the driver after an answer that is damaged or not from ClickHouse: it trusts all bytes."""

ONE_PART = {"async_insert": 0, "max_insert_threads": 1}
"""An insert is acknowledged when it is stored, and stored as a whole."""

_ONE_BLOCK = {"min_insert_block_size_rows": 1 << 24, "min_insert_block_size_bytes": 1 << 34}
"""What a query finds is inserted at its end: each block would be a part."""


class Client:
    """A ClickHouse server, or the embedded warehouse. Connects when first used."""

    def __init__(self, url: str, user: str, password: str, cluster: str = "") -> None:
        self._address = urlsplit(url)
        self._login = (user, password)
        self._cluster = cluster
        self._opened: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _client(self) -> AsyncClient:
        async with self._opening:
            if self._opened is None:
                self._opened = await get_async_client(
                    host=self._address.hostname,
                    port=self._address.port,
                    interface=self._address.scheme,
                    username=self._login[0],
                    password=self._login[1],
                    compress=False,
                    connect_timeout=3,
                    send_receive_timeout=30,
                    tz_mode="aware",
                )
            return self._opened

    async def _query(
        self, query: str, **parameters: str | float | list[str]
    ) -> list[dict[str, Any]]:  # columns of any type
        with faults():
            result = await (await self._client()).query(query, parameters=parameters)
            return [dict(row) for row in result.named_results()]

    async def _command(self, statement: str, **parameters: str | list[str]) -> None:
        if self._cluster:
            statement = clustered(statement, self._cluster)
        with faults():
            await (await self._client()).command(statement, parameters=parameters)

    async def _select_into(self, statement: str, token: str, **parameters: int) -> None:
        """Insert what a query finds, as one part, or nothing."""
        settings = {**ONE_PART, **_ONE_BLOCK, "insert_deduplication_token": token}
        with faults():
            await (await self._client()).command(statement, parameters=parameters, settings=settings)

    async def _insert(self, table: str, types: dict[str, str], columns: list[Sequence[Any]], token: str) -> None:
        """Insert columns, and empty the list: a reference cycle in the driver would keep the data."""
        try:
            with faults():
                await (await self._client()).insert(
                    table,
                    columns,
                    column_names=list(types),
                    column_type_names=list(types.values()),
                    column_oriented=True,
                    settings={**ONE_PART, "insert_deduplication_token": token},
                )
        finally:
            columns.clear()


@contextmanager
def faults() -> Iterator[None]:
    """Convert the driver's errors to faults."""
    try:
        yield
    except ClickHouseError as error:
        match getattr(error, "code", None):
            case int(code) if code == _UNKNOWN_TABLE:
                raise NoTables(f"the warehouse lacks a table: {error!s:.200}") from error
            case int(code) if code == _VIOLATED_CONSTRAINT:
                raise OtherGeneration("the warehouse was rebuilt") from error
            case int():
                raise Refused(f"the warehouse refused: {error!s:.300}") from error
        raise Unavailable(f"the warehouse did not answer: {error!s:.300}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable(f"the warehouse did not answer: {error!r:.300}") from error
    except _UNREADABLE as error:
        raise Unavailable(f"the warehouse's answer cannot be read: {error!r:.200}") from error
