"""Cases that are kept: when their views are asked, and that the newest keeping is the one that counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_contracts.kept_cases import KEPT, KEPT_BAD, KEPT_OPEN
from queuebit_kernel import Unavailable
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.keeping import LEAST_PAUSE_S, MOST_PAUSE_S, OPEN_FACTOR, PAUSE_FACTOR, REPEATS, KeepCases

from .conftest import LifeOf, rows_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class _Clock:
    at = 0.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return NOW


class _Views:
    """Takes a second for each view; without an answer while `fails`."""

    def __init__(self, clock: _Clock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.takes_s = 1.0
        self.cases = 0
        self.fails = False

    async def keep_cases(self, indicator: str, keeping: int) -> int:
        if self.fails:
            raise Unavailable("no answer")
        assert keeping == NOW.timestamp() * 1_000_000
        self.asked.append(indicator)
        self.clock.at += self.takes_s
        return self.cases


def _keeping(views: _Views, seq: list[int]) -> KeepCases:
    return KeepCases(views, lambda: seq[0], views.clock)


async def test_a_view_that_takes_long_is_asked_less_often() -> None:
    views, seq = _Views(_Clock()), [1]
    keep = _keeping(views, seq)
    await keep()
    assert views.asked == [*KEPT]
    views.asked.clear()
    seq[0], views.clock.at = 2, PAUSE_FACTOR
    await keep()
    assert views.asked == [*KEPT_OPEN], "jobs without an end are asked for more often"
    views.clock.at = len(KEPT) + PAUSE_FACTOR + OPEN_FACTOR
    await keep()
    assert views.asked == [*KEPT_OPEN, *KEPT]


async def test_while_the_log_rests_nothing_is_asked_after_a_few_times() -> None:
    views = _Views(_Clock())
    keep = _keeping(views, [1])
    for _ in range(2 * REPEATS):
        await keep()
        views.clock.at += 2 * PAUSE_FACTOR
    assert views.asked == [*KEPT] * (1 + REPEATS)


async def test_jobs_without_an_end_are_asked_for_until_there_are_none() -> None:
    views = _Views(_Clock())
    views.cases, views.takes_s = 1, 0.01
    keep = _keeping(views, [1])
    for _ in range(1 + REPEATS):
        await keep()
        views.clock.at += LEAST_PAUSE_S
    views.asked.clear()
    for _ in range(3):
        await keep()
        views.clock.at += 5
    views.cases = 0
    for _ in range(3 * REPEATS):
        await keep()
        views.clock.at += 5
    assert views.asked == [*KEPT_OPEN] * 4


async def test_no_view_waits_longer_than_the_longest_pause() -> None:
    views, seq = _Views(_Clock()), [1]
    views.takes_s = 16
    keep = _keeping(views, seq)
    await keep()
    seq[0], views.clock.at = 2, len(KEPT) * views.takes_s + MOST_PAUSE_S
    await keep()
    assert views.asked == [*KEPT, *KEPT]


async def test_a_view_without_an_answer_is_asked_again() -> None:
    views = _Views(_Clock())
    views.fails = True
    keep = _keeping(views, [1])
    with pytest.raises(Unavailable):
        await keep()
    views.fails = False
    await keep()
    assert views.asked == [*KEPT]


@pytest.mark.server
async def test_the_newest_keeping_replaces_the_others(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    position = await clickhouse.position()
    (indicator, _) = KEPT_BAD
    for number in range(2):
        await clickhouse.append(
            [it._replace(seq=10 * number + it.seq) for it in rows_of(life_of("acme", f"j{number}"))],
            position.generation,
            f"LOG>{10 * number}",
        )
        await clickhouse.keep_cases(indicator, 100 + number)
    await clickhouse.keep_cases("variance", 1)
    found = await clickhouse._query(
        "SELECT indicator, keeping, count() AS rows, sum(total) AS cases FROM kept_cases GROUP BY ALL ORDER BY ALL"
    )
    assert [[*it.values()] for it in found] == [[indicator, 101, 3, 2], ["variance", 1, 1, 0]]
