"""Ports to the log and to the warehouse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import JsonValue

from queuebit_contracts.query import Question
from queuebit_incidents.scope import Scope
from queuebit_runtime.rows import Row
from queuebit_runtime.view import Fold
from queuebit_slo import Query
from queuebit_telemetry.spans import LogLine, Span
from queuebit_telemetry.state import Head, Position, Summed

__all__ = [
    "CaseSums",
    "Cases",
    "Events",
    "Evidence",
    "Facts",
    "Follow",
    "Follower",
    "KeptCases",
    "Log",
    "Sums",
    "Traces",
    "Workloads",
]


class Follower(Protocol):
    """Reads the log in order while `run` runs."""

    caught_up: asyncio.Event

    async def run(self) -> None: ...


Follow = Callable[[Fold, int], Follower]
"""Begins to follow the log after a sequence."""


class Log(Protocol):
    """The current state of the log."""

    async def head(self) -> Head:
        """Raises `Unavailable` when the log does not answer."""
        ...


class Events(Protocol):
    """The table `events` as its only writer sees it. Every method raises `Unavailable` when there is no answer."""

    async def position(self) -> Position:
        """The position of the warehouse.

        Raises:
            NoTables: it is empty.
            Unsound: its table lost rows, or is an earlier version's.
            WrongSchema: it holds a later version's tables.
        """
        ...

    async def create(self) -> None:
        """Create missing tables, and the views of this version; safe to repeat."""
        ...

    async def set_aside(self) -> None:
        """Keep the table under another name, so that a new one can be created.

        Only one is kept. If the table lacks rows that were set aside before, the earlier one is kept and the table is
        dropped: the log may have lost what only the earlier table has.
        """
        ...

    async def forget_set_aside(self) -> None:
        """Drop the table that was set aside, if the new one reaches as far and holds as much."""
        ...

    async def append(self, rows: Sequence[Row], generation: str, token: str) -> None:
        """Store all rows or none; nothing happens when an insert with this token was stored before.

        Raises:
            OtherGeneration: the table is of another generation.
            NoTables: it is gone.
        """
        ...


class Traces(Protocol):
    """The tables of spans and of lines of logs."""

    async def add_spans(self, spans: Sequence[Span], token: str) -> None:
        """Store all spans; raises `Unavailable`, after which the same token may be tried again."""
        ...

    async def add_lines(self, lines: Sequence[LogLine], token: str) -> None:
        """Store all lines; as `add_spans`."""
        ...


class CaseSums(Protocol):
    """The table `case_sums` as its only writer sees it. Every method raises `Unavailable` when there is no answer."""

    async def summed(self) -> Summed:
        """How far the sums are; without their table, they are not sound.

        Raises:
            NoTables: there is no table of events.
        """
        ...

    async def renew_sums(self, generation: str) -> None:
        """Replace the table by an empty one, for events of a generation."""
        ...

    async def add_cases(self, after: int, through: int, token: str) -> None:
        """Add the events after one sequence and up to another; nothing happens when this token was used before.

        Raises:
            OtherGeneration: the sums are not of these events.
            NoTables: there is no such table.
        """
        ...


class KeptCases(Protocol):
    """The table `kept_cases` as its writer sees it. Raises `Unavailable` when there is no answer."""

    async def keep_cases(self, indicator: str, keeping: int) -> int:
        """Ask for the cases of an indicator, keep them in place of those that were kept before, and return how many.

        `keeping` is a moment, in microseconds since 1970; of two keepings the later one counts.

        Raises:
            NoTables: there are no such tables.
        """
        ...


class Evidence(Protocol):
    """What incidents need; raises `Unavailable` when there is no answer."""

    async def incident_facts(self) -> list[dict[str, Any]]:  # columns of any type
        """All facts about incidents, in the order of the log."""
        ...

    async def hold(self, scope: Scope) -> None:
        """Copy the spans and lines that an incident needs; a repetition changes nothing."""
        ...


class Cases(Protocol):
    """Cases of service levels; raises `Unavailable` when there is no answer."""

    async def cases(self, query: Query) -> list[dict[str, Any]]:  # columns of any type
        """The rows of a query that an objective is compiled to."""
        ...


class Sums(Protocol):
    """Sums over jobs; raises `Unavailable` when there is no answer."""

    async def activity(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        """Sums over one tenant's jobs that were submitted since a moment, by the fields of the question."""
        ...

    async def groups(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        """One row for each tag and session of these jobs."""
        ...


class Facts(Protocol):
    """Single facts; raises `Unavailable` when there is no answer."""

    async def facts(
        self, tenant: str, types: Sequence[str], shared: Sequence[str], question: Question
    ) -> list[dict[str, JsonValue]]:
        """The newest facts of these types, newest first: of one tenant, and of `shared` types those of the platform."""
        ...


class Workloads(Facts, Protocol):
    """Facts, and what jobs amount to."""

    async def workloads(self, tenant: str) -> list[dict[str, Any]]:  # columns of any type
        """By project and currency: completed jobs, the newest result, backends, charges and data sets."""
        ...
