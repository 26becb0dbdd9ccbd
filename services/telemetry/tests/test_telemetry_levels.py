"""Completeness: counts a tenant's own events, except those too young to be missed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_contracts.objectives import objectives
from queuebit_contracts.query import Question
from queuebit_kernel import FixedClock
from queuebit_runtime.rows import row_of
from queuebit_telemetry.backlog import Backlog
from queuebit_telemetry.handlers import AnswerLevels

from .fakes import MemoryAnalytics, MemoryMessages

OWN, OTHER = "qb.job.acme.j1.submitted", "qb.job.evil.j1.submitted"


def warehouse(seq: int, own: int) -> MemoryAnalytics:
    """A warehouse that reaches a sequence, and holds so many events of acme."""
    now = datetime.now(UTC)
    subjects = [*[OTHER] * (seq - own), *[OWN] * own]
    return MemoryAnalytics(row_of(subject, b"{}", at, now) for at, subject in enumerate(subjects, 1))


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
    """10 messages of one tenant are among 100, and later come 30 more of another."""
    clock, log = FixedClock(), MemoryMessages([*[OTHER] * 90, *[OWN] * 10])
    backlog = Backlog(log, clock)
    await backlog.sample()
    clock.advance(11)
    for _ in range(30):
        await log.publish(OTHER)
    levels = AnswerLevels(warehouse(seq, own), log, objectives(), backlog, clock)
    row = next(it for it in await levels(tenant, Question()) if it["name"] == "telemetry-completeness")
    assert (row["good"], row["total"]) == output
