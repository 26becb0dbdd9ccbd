"""Answers queries of tenants, and keeps spans and lines of logs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from pydantic import JsonValue

from queuebit_contracts.query import Question
from queuebit_kernel import Clock, Unavailable, digest
from queuebit_slo import Counts, Objective, Query, of_tenant, quantile, query
from queuebit_telemetry.errors import Refused
from queuebit_telemetry.pace import Pace
from queuebit_telemetry.policy import Level
from queuebit_telemetry.ports import Cases, Sums, Traces
from queuebit_telemetry.spans import LogLine, Span, read_records

__all__ = ["AnswerActivity", "AnswerGroups", "AnswerLevels", "KeepSpans"]


_MANY = 32
"""Messages that do not wait for more: the consumer hands out 64 and then waits for the end of one."""

_LARGE = 3_000
"""Spans that do not wait for more: a larger insert would save little, and each takes 2 KB of memory."""


class AnswerLevels:
    """Evaluates the service levels for one tenant."""

    def __init__(self, cases: Cases, promised: Sequence[Objective], clock: Clock) -> None:
        self._cases = cases
        self._promised = promised
        self._clock = clock

    async def __call__(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """One row for each objective; raises `Unavailable` when the warehouse does not answer."""
        del question
        own = [it for objective in self._promised if (it := of_tenant(objective, tenant)) is not None]
        now = self._clock.now()
        return [_row(it) for it in await asyncio.gather(*(self._level(it, now) for it in own))]

    async def _level(self, objective: Objective, now: datetime) -> Level:
        good, total = await self._numbers(query(objective, now, [objective.window]), "good", "total")
        counts = Counts(good, total)
        if objective.threshold_ms is None or not total:
            return Level(objective, counts)
        (value,) = await self._numbers(quantile(objective, now), "value")
        return Level(objective, counts, value)

    async def _numbers(self, asked: Query, *columns: str) -> list[int]:
        """The columns of the one row of an answer."""
        rows = await self._cases.cases(asked)
        try:
            (row,) = rows
            return [int(row[it]) for it in columns]
        except (ValueError, LookupError, TypeError) as error:
            raise Unavailable("the warehouse gave an answer that is none to a query of objectives") from error


def _row(level: Level) -> dict[str, JsonValue]:
    return {
        "name": level.objective.name,
        "promise": level.objective.display,
        "target": _text(level.objective.target),
        "actual": None if level.actual is None else _text(level.actual),
        "good": level.counts.good,
        "total": level.counts.total,
        "budget_remaining": _text(level.budget_remaining),
        "value": level.value_ms,
        "unit": "share of cases" if level.value_ms is None else "share of cases; value in ms",
    }


def _text(share: Fraction) -> str:
    """A share as a decimal of at most six places, rounded down."""
    scaled = Decimal(share.numerator * 1_000_000 // share.denominator)
    return format((scaled / 1_000_000).normalize(), "f")


class AnswerActivity:
    """What one tenant's jobs did and cost, from the first whole day of the question on."""

    def __init__(self, sums: Sums, clock: Clock) -> None:
        self._sums = sums
        self._clock = clock

    async def __call__(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """One row for each group and currency; raises `Unavailable` when the warehouse does not answer."""
        return await self._sums.activity(tenant, question, _first_day(question, self._clock))


class AnswerGroups:
    """What the jobs of each tag and session of one tenant did and cost, from the first whole day of the question on."""

    def __init__(self, sums: Sums, clock: Clock) -> None:
        self._sums = sums
        self._clock = clock

    async def __call__(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """The newest groups first; raises `Unavailable` when the warehouse does not answer."""
        return await self._sums.groups(tenant, question, _first_day(question, self._clock))


def _first_day(question: Question, clock: Clock) -> datetime:
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=question.days - 1)


class KeepSpans:
    """Collects the spans and lines of many messages into few inserts; a call returns after its own are stored."""

    def __init__(self, traces: Traces, wait_s: float, *, apart_s: float = 0) -> None:
        """Spans wait at most `wait_s` for others before their insert; inserts are at least `apart_s` apart."""
        self._traces = traces
        self._pace = Pace(wait_s, apart_s=apart_s)
        self._pending: dict[int, tuple[list[Span], list[LogLine]]] = {}
        self._turn = asyncio.Lock()

    async def __call__(self, body: bytes, sequence: int) -> None:
        """Store one message.

        Raises:
            Malformed: it is not a list of spans and lines.
            Unavailable: the warehouse did not store them.
        """
        self._pending[sequence] = read_records(body)
        self._pace.arrived()
        if len(self._pending) >= _MANY or sum(len(it) for both in self._pending.values() for it in both) >= _LARGE:
            self._pace.complete.set()
        async with self._turn:
            if sequence not in self._pending:
                return
            try:
                await self._pace.collect()
                self._pace.complete.clear()
                await self._store(sorted(self._pending))
            except Refused:  # another message may be at fault: it must not block this one
                await self._store([sequence])
            finally:
                self._pending.pop(sequence, None)

    def hurry(self) -> None:
        """Store at once what waits, and all that follows."""
        self._pace.longest_s = 0
        self._pace.complete.set()

    async def _store(self, sequences: Sequence[int]) -> None:
        token = "TRACES:" + digest(",".join(map(str, sequences)).encode())
        if spans := [span for it in sequences for span in self._pending[it][0]]:
            await self._traces.add_spans(spans, token)
        if lines := [line for it in sequences for line in self._pending[it][1]]:
            await self._traces.add_lines(lines, token)
        for stored in sequences:
            del self._pending[stored]
