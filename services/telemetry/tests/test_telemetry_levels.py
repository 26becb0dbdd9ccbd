"""Completeness: counts a tenant's own events, except those too young to be missed."""

from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import JsonValue

from queuebit_contracts.query import Question
from queuebit_kernel import FixedClock
from queuebit_telemetry.backlog import Backlog
from queuebit_telemetry.handlers import AnswerLevels
from queuebit_telemetry.objectives import objectives
from queuebit_telemetry.policy import Counts, Durations, Ratio
from queuebit_telemetry.state import Head, Position

_NONE = Durations((0,) * 24)


class Log:
    """10 messages of one tenant among 100, and later 30 more of another."""

    last = 100

    async def head(self) -> Head:
        return Head(1, self.last, self.last)

    async def messages_of(self, tenant: str) -> int:
        return {"acme": 10}.get(tenant, 0)


class Analytics:
    """A warehouse that holds some of them."""

    def __init__(self, seq: int, own: int) -> None:
        self._seq, self._own = seq, own

    async def position(self) -> Position:
        return Position("g", self._seq)

    async def count_events(self, tenant: str) -> int:
        return self._own if tenant == "acme" else 0

    async def counts(self, tenant: str, since: datetime, ended_before: datetime) -> Counts:
        return Counts(Ratio(0, 0), _NONE, _NONE, Ratio(0, 0))

    async def jobs(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        raise NotImplementedError

    charges = jobs


@pytest.mark.parametrize(
    ("tenant", "seq", "own", "output"),
    [
        pytest.param("acme", 130, 10, (10, 10), id="all is there"),
        pytest.param("acme", 130, 7, (7, 10), id="three were lost"),
        pytest.param("acme", 128, 8, (10, 10), id="two are young"),
        pytest.param("acme", 90, 0, (10, 10), id="thirty are young, whosever they are"),
        pytest.param("nobody", 130, 0, (0, 0), id="without events nothing is promised"),
    ],
)
async def test_completeness_counts_the_tenants_own_events(
    tenant: str, seq: int, own: int, output: tuple[int, int]
) -> None:
    clock, log = FixedClock(), Log()
    backlog = Backlog(log, clock)
    await backlog.sample()
    clock.advance(11)
    log.last = 130
    levels = AnswerLevels(Analytics(seq, own), log, objectives(), backlog, clock)
    row = next(it for it in await levels(tenant, Question()) if it["name"] == "telemetry-completeness")
    assert (row["good"], row["total"]) == output
