"""The warehouse behind ClickHouse's HTTP interface, and the head of the log."""

from __future__ import annotations

import asyncio
import json
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
from clickhouse_connect import get_async_client
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.compression import _ZstdError as ZstdError
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import JsonValue

from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.query import Question
from queuebit_contracts.tables import VERSION, generation_of, statements
from queuebit_incidents.queries import FACTS as INCIDENT_FACTS
from queuebit_incidents.scope import Scope
from queuebit_kernel import Money, Unavailable, rfc3339
from queuebit_runtime.connection import Connection
from queuebit_runtime.rows import Row
from queuebit_runtime.stream_state import stream_state
from queuebit_slo import Query
from queuebit_telemetry.activity import MOST_ROWS, activity
from queuebit_telemetry.errors import NoTables, OtherGeneration, Refused, Unsound, WrongSchema
from queuebit_telemetry.groups import GROUPS, MOST_GROUPS, group_document
from queuebit_telemetry.holding import HOLD
from queuebit_telemetry.queries import (
    BILLED,
    BILLED_BESIDE,
    BILLS,
    CHARGES,
    FACTS,
    FORGET,
    JOBS,
    NEWEST,
    POSITION,
    REFILLED,
    SET_ASIDE,
)
from queuebit_telemetry.spans import LogLine, Span
from queuebit_telemetry.state import Head, Position

__all__ = ["ClickHouse", "LogHead"]

_UNKNOWN_TABLE, _VIOLATED_CONSTRAINT = 60, 469

_UNREADABLE = (
    *(ValueError, LookupError, TypeError, EOFError, ImportError, MemoryError, RuntimeError, SystemError),
    *(zlib.error, ZstdError),
)
"""Errors of the driver after an answer that is damaged or not from ClickHouse: it trusts all bytes."""

_BILLS = 200
"""Of one answer: with the bills before them they stay well below the largest message."""

_ONE_PART = {"async_insert": 0, "max_insert_threads": 1}
"""An insert is acknowledged when it is stored, and stored as a whole."""

_EVENT_COLUMNS = {
    **dict.fromkeys(Row._fields, "String"),
    "seq": "UInt64",
    "stored_at": "DateTime64(6, 'UTC')",
    "event_time": "DateTime64(6, 'UTC')",
    **dict.fromkeys(("type", "source", "tenant", "project", "account", "backend"), "LowCardinality(String)"),
    "generation": "LowCardinality(String)",
}

_SPAN_COLUMNS = {
    **dict.fromkeys(Span.model_fields, "String"),
    "Timestamp": "DateTime64(9, 'UTC')",
    **dict.fromkeys(("SpanName", "SpanKind", "ServiceName", "StatusCode"), "LowCardinality(String)"),
    "SpanAttributes": "Map(LowCardinality(String), String)",
    "Duration": "UInt64",
}


_LINE_COLUMNS = {
    **dict.fromkeys(LogLine.model_fields, "String"),
    "Timestamp": "DateTime64(9, 'UTC')",
    **dict.fromkeys(("SeverityText", "ServiceName"), "LowCardinality(String)"),
    "SeverityNumber": "UInt8",
    "LogAttributes": "Map(LowCardinality(String), String)",
}


class ClickHouse:
    """A ClickHouse server, or the embedded warehouse. Connects when first used."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._address = urlsplit(url)
        self._login = (user, password)
        self._opened: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def position(self) -> Position:
        rows = await self._query(POSITION)
        if not rows:
            raise NoTables("the warehouse has no table `events`")
        with _faults():
            (version, generation), seq = generation_of(str(rows[0]["comment"])), int(rows[0]["seq"])
        if version > VERSION:
            raise WrongSchema(
                f"the warehouse holds tables of version {version} and this is {VERSION}: run `qb warehouse rebuild`"
            )
        if version < VERSION:
            raise Unsound(f"the warehouse holds tables of version {version} and this is {VERSION}")
        if lost := int(rows[0]["lost"]):
            raise Unsound(f"{lost} damaged parts of the table `events` are set aside")
        return Position(generation, seq)

    async def create(self) -> None:
        for statement in statements(uuid.uuid4().hex):
            await self._command(statement)

    async def set_aside(self) -> None:
        statements = FORGET[:1] if await self._has_refilled() is False else SET_ASIDE
        for statement in statements:
            await self._command(statement)

    async def forget_set_aside(self) -> None:
        if await self._has_refilled():
            await self._command(SET_ASIDE[0])

    async def _has_refilled(self) -> bool | None:
        """Whether the table holds everything that was set aside; None if one of them does not exist."""
        try:
            return bool((await self._query(REFILLED))[0]["refilled"])
        except NoTables:
            return None

    async def drop_events(self) -> None:
        """Delete every event; spans stay, because the log does not have them."""
        for statement in FORGET:
            await self._command(statement)

    async def append(self, rows: Sequence[Row], generation: str, token: str) -> None:
        columns: list[Sequence[Any]] = [*zip(*rows, strict=True), (generation,) * len(rows)]
        await self._insert("events", _EVENT_COLUMNS, columns, token)

    async def add_spans(self, spans: Sequence[Span], token: str) -> None:
        columns: list[Sequence[Any]] = [tuple(getattr(span, name) for span in spans) for name in _SPAN_COLUMNS]
        await self._insert("otel_traces", _SPAN_COLUMNS, columns, token)

    async def add_lines(self, lines: Sequence[LogLine], token: str) -> None:
        columns: list[Sequence[Any]] = [tuple(getattr(line, name) for line in lines) for name in _LINE_COLUMNS]
        await self._insert("otel_logs", _LINE_COLUMNS, columns, token)

    async def jobs(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """The newest jobs that fit, newest first; the `sequence` of a row is that of its submission."""
        found: list[dict[str, JsonValue]] = []
        wanted, before = _conditions(question), question.before or 0
        while (missing := question.limit - len(found)) > 0 and bool(wanted["types"]) is bool(question.states):
            newest = await self._query(NEWEST, tenant=tenant, before=before, limit=missing, **wanted)
            if not newest:
                break
            places = {row["job"]: row["seq"] for row in newest}
            rows = await self._query(JOBS, tenant=tenant, jobs=[*places])
            fitting = [{**_json(row), "sequence": places[row["job"]]} for row in rows if _fits(row, question)]
            found += sorted(fitting, key=lambda row: -places[row["job"]])
            before = newest[-1]["seq"]
            if len(newest) < missing:
                break
        return found

    async def charges(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        return [_json(row) for row in await self._query(CHARGES, tenant=tenant, project=question.project or "")]

    async def groups(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        wanted = {name: getattr(question, name) or "" for name in ("project", "tag", "session")}
        limit = min(question.limit, MOST_GROUPS)
        rows = await self._query(GROUPS, tenant=tenant, since=_seconds(since), limit=limit, **wanted)
        return [group_document(row) for row in rows]

    async def bills(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """What was charged and corrected, newest first; a correction has the bill before it, and the first one."""
        found = await self._query(
            BILLS,
            tenant=tenant,
            project=question.project or "",
            before=question.before or 0,
            limit=min(question.limit, _BILLS),
            **_period(question),
        )
        bills = [{**it, "data": json.loads(it["data"])} for it in found]
        about = await self._about_bills(tenant, bills)
        return [_json(_bill(it, about.get(_billed(it), {}))) for it in bills]

    async def _about_bills(self, tenant: str, bills: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """What bills do not say of what they charge, by its id."""
        jobs = [*dict.fromkeys(str(it["job"]) for it in bills if it["job"])]
        beside = [*dict.fromkeys(_billed(it) for it in bills if not it["job"])]
        billed = await self._query(BILLED, tenant=tenant, jobs=jobs)
        found: dict[str, Mapping[str, Any]] = {str(it["job"]): it for it in billed}
        if beside:
            found |= {str(it["id"]): it for it in await self._query(BILLED_BESIDE, tenant=tenant, ids=beside)}
        return found

    async def activity(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        rows = await self._query(activity(question.by), tenant=tenant, since=_seconds(since), limit=MOST_ROWS)
        return [_json(row) for row in rows]

    async def facts(
        self, tenant: str, types: Sequence[str], shared: Sequence[str], question: Question
    ) -> list[dict[str, JsonValue]]:
        rows = await self._query(
            FACTS,
            tenant=tenant,
            types=[*types],
            shared=[*shared],
            before=question.before or 0,
            limit=question.limit,
            backend=question.backend or "",
            author=question.author or "",
            **_period(question),
        )
        return [_json(row) for row in rows]

    async def cases(self, query: Query) -> list[dict[str, Any]]:  # columns of any type
        return await self._query(query.sql, **query.parameters)

    async def incident_facts(self) -> list[dict[str, Any]]:  # columns of any type
        return await self._query(INCIDENT_FACTS, incident="")

    async def hold(self, scope: Scope) -> None:
        parameters: dict[str, str | list[str]] = {**scope.parameters()}
        parameters["alerts"] = [*scope.alerts]  # the driver quotes the texts of lists itself
        parameters["tenants"], parameters["backends"] = ([it[place] for it in scope.pairs] for place in (0, 1))
        for statement in HOLD:
            await self._command(statement, **parameters)

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
        with _faults():
            result = await (await self._client()).query(query, parameters=parameters)
            return [dict(row) for row in result.named_results()]

    async def _command(self, statement: str, **parameters: str | list[str]) -> None:
        with _faults():
            await (await self._client()).command(statement, parameters=parameters)

    async def _insert(self, table: str, types: dict[str, str], columns: list[Sequence[Any]], token: str) -> None:
        """Insert columns, and empty the list: a reference cycle in the driver would keep the data."""
        try:
            with _faults():
                await (await self._client()).insert(
                    table,
                    columns,
                    column_names=list(types),
                    column_type_names=list(types.values()),
                    column_oriented=True,
                    settings={**_ONE_PART, "insert_deduplication_token": token},
                )
        finally:
            columns.clear()


class LogHead:
    """The state of the stream `LOG`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def head(self) -> Head:
        state = await stream_state(self._connection)
        return Head(state.first, state.last, state.messages)


@contextmanager
def _faults() -> Iterator[None]:
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


def _conditions(question: Question) -> dict[str, str | float | list[str]]:
    """The parameters of a question about jobs."""
    names = ("project", "job", "backend", "user", "tag", "session", "label")
    return {
        **{name: getattr(question, name) or "" for name in names},
        **_period(question),
        "types": [it.type for it in CATALOG.values() if it.state in question.states],
        "waiting": int(bool(question.states) and {*TERMINAL}.isdisjoint(question.states)),
    }


def _period(question: Question) -> dict[str, float]:
    """From when on and until when, in seconds; 0 for no limit."""
    moments = {"since": question.since, "until": question.until}
    return {name: moment.timestamp() if moment else 0.0 for name, moment in moments.items()}


def _bill(row: dict[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:  # values as the driver reads them
    earlier = [json.loads(data) for seq, data in about.get("bills", ()) if seq < row["sequence"]]
    known = {name: about.get(name, "") for name in ("user", "label")}
    bill = {**row, **known, "tags": about.get("tags", [])}
    return bill | ({"before": earlier[-1], "first": earlier[0]} if earlier else {})


def _billed(bill: Mapping[str, Any]) -> str:
    """The id of what a bill charges: a job, a hybrid job or a session."""
    data = bill["data"]
    return str(bill["job"] or data.get("hybrid") or data.get("session"))


def _fits(row: Mapping[str, object], question: Question) -> bool:
    """Whether a job is now where the question wants it to be."""
    return (not question.states or row["state"] in question.states) and question.backend in (None, row["backend"])


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _json(row: dict[str, Any]) -> dict[str, JsonValue]:  # values as the driver reads them
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> JsonValue:
    match value:
        case datetime():
            return rfc3339(value.replace(tzinfo=value.tzinfo or UTC))
        case Decimal():
            return Money(value).text()
        case list() | tuple():
            return [_value(item) for item in value]
    return cast("JsonValue", value)
