"""The log and the warehouse in memory, as telemetry reads them."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.objectives import BUCKETS_MS
from queuebit_contracts.subjects import event_name, parse
from queuebit_runtime.rows import Row
from queuebit_runtime.view import Fold, Raw
from queuebit_telemetry.policy import Counts, Durations, Ratio
from queuebit_telemetry.state import Head, Position

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryMessages:
    """Messages of the log; obeys `LogLaws`, and its followers `FollowerLaws`."""

    def __init__(self, subjects: Iterable[str] = ()) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.grown = asyncio.Condition()
        for subject in subjects:
            self.messages.append((subject, b"{}"))

    async def publish(self, subject: str, body: bytes = b"{}") -> int:
        async with self.grown:
            self.messages.append((subject, body))
            self.grown.notify_all()
        return len(self.messages)

    async def head(self) -> Head:
        return Head(1, len(self.messages), len(self.messages))

    async def messages_of(self, tenant: str) -> int:
        return sum(parse(subject).tenant == tenant for subject, _ in self.messages)

    def follow(self, fold: Fold, after: int) -> MemoryFollower:
        return MemoryFollower(self, fold, after)


class MemoryFollower:
    """Folds the messages after a sequence, and those that come later."""

    def __init__(self, log: MemoryMessages, fold: Fold, after: int) -> None:
        self.caught_up = asyncio.Event()
        self._log = log
        self._fold = fold
        self._position = after

    async def run(self) -> None:
        while True:
            for subject, body in self._log.messages[self._position :]:
                self._position += 1
                raw = Raw(subject, body, self._position, _MOMENT, cast("Any", SimpleNamespace()))
                if (waiting := self._fold(raw)) is not None:
                    await waiting
            self.caught_up.set()
            async with self._log.grown:
                await self._log.grown.wait_for(lambda: len(self._log.messages) > self._position)


class MemoryAnalytics:
    """Rows of the table `events`, and what service levels count in them; obeys `AnalyticsLaws`."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = [*rows]

    async def position(self) -> Position:
        return Position("memory", max((row.seq for row in self.rows), default=0))

    async def count_events(self, tenant: str) -> int:
        return sum(row.tenant == tenant for row in self.rows)

    async def counts(self, tenant: str, since: datetime, ended_before: datetime) -> Counts:
        own = [row for row in self.rows if row.tenant == tenant and row.stored_at >= _micros(since)]
        ends = {row.job: row for row in own if row.type and event_name(row.type) in TERMINAL}
        ran = [json.loads(row.data) | {"time": row.event_time} for row in ends.values() if b"started_at" in row.data]
        sealed = {row.job for row in own if row.type and event_name(row.type) == "sealed"}
        due = {job for job, row in ends.items() if row.stored_at < _micros(ended_before)}
        return Counts(
            success=Ratio(sum(row.type == "qb.job.completed.v1" for row in ends.values()), len(ran)),
            queue_wait=_durations(_micros(it["started_at"]) - _micros(it["accepted_at"]) for it in ran),
            end_to_end=_durations(it["time"] - _micros(it["submitted_at"]) for it in ran),
            receipts=Ratio(len(due & sealed), len(due)),
        )


def _micros(moment: datetime | str) -> int:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return round(at.timestamp() * 1_000_000)


def _durations(micros: Iterable[int]) -> Durations:
    bounds, found = BUCKETS_MS, [it // 1000 for it in micros]
    histogram = [0] * (len(bounds) + 1)
    for it in found:
        histogram[bisect_left(bounds, it)] += 1
    return Durations(tuple(histogram), max(found, default=0))
