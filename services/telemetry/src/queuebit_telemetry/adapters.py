"""The tables of the warehouse as telemetry writes them, and the head of the log."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from queuebit_contracts.case_sums import ADD_CASES, RENEW_CASE_SUMS
from queuebit_contracts.clustered import distributed
from queuebit_contracts.kept_cases import DROP_KEPT, KEPT_CASES, OUTDATED, keep_cases
from queuebit_contracts.tables import VERSION, generation_of, statements
from queuebit_incidents.scope import Scope
from queuebit_runtime.connection import Connection
from queuebit_runtime.rows import Row
from queuebit_runtime.stream_state import stream_state
from queuebit_telemetry.answers import Answers
from queuebit_telemetry.client import faults
from queuebit_telemetry.errors import NoTables, Unsound, WrongSchema
from queuebit_telemetry.holding import HOLD
from queuebit_telemetry.queries import DROP, FORGET, POSITION, REFILLED, SET_ASIDE, SUMMED
from queuebit_telemetry.spans import LogLine, Span
from queuebit_telemetry.state import Head, Position, Summed

__all__ = ["ClickHouse", "LogHead"]

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


class ClickHouse(Answers):
    """The warehouse, with what telemetry writes to it."""

    async def position(self) -> Position:
        rows = await self._query(POSITION)
        if not rows:
            raise NoTables("the warehouse has no table `events`")
        with faults():
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
        for statement in distributed(self._cluster) if self._cluster else ():
            await self._command(statement)

    async def set_aside(self) -> None:
        statements = DROP if await self._has_refilled() is False else SET_ASIDE
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

    async def hold(self, scope: Scope) -> None:
        parameters: dict[str, str | list[str]] = {**scope.parameters()}
        parameters["alerts"] = [*scope.alerts]  # the driver quotes the texts of lists itself
        parameters["tenants"], parameters["backends"] = ([it[place] for it in scope.pairs] for place in (0, 1))
        for statement in HOLD:
            await self._command(statement, **parameters)

    async def summed(self) -> Summed:
        try:
            (row,) = await self._query(SUMMED)
        except NoTables:  # without a table of events, too, there is no position
            return Summed(await self.position(), 0, sound=False)
        with faults():
            versions = [generation_of(str(row[it])) for it in ("of_events", "of_sums")]
            position = Position(versions[0][1], int(row["last"]))
            return Summed(position, int(row["through"]), versions[0] == versions[1] and not int(row["lost"]))

    async def renew_sums(self, generation: str) -> None:
        for statement in RENEW_CASE_SUMS:
            await self._command(statement.replace("{generation}", generation))

    async def add_cases(self, after: int, through: int, token: str) -> None:
        await self._select_into(ADD_CASES, token, after=after, through=through)

    async def keep_cases(self, indicator: str, keeping: int) -> int:
        await self._select_into(keep_cases(indicator), f"KEPT>{indicator}>{keeping}", keeping=keeping)
        for row in await self._query(OUTDATED, indicator=indicator, keeping=str(keeping)):
            await self._command(DROP_KEPT.replace("{partition:String}", f"'{row['partition_id']}'"))
        (found,) = await self._query(KEPT_CASES, indicator=indicator, keeping=str(keeping))
        return int(found["cases"])


class LogHead:
    """The state of the stream `LOG`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def head(self) -> Head:
        state = await stream_state(self._connection)
        return Head(state.first, state.last, state.messages)
