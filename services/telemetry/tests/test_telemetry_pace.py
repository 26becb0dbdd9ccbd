"""When collected items are inserted."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from queuebit_telemetry.pace import Pace


@pytest.mark.parametrize(
    ("first", "newest", "began", "due"),
    [
        pytest.param(10.0, 10.0, -inf, 10.2, id="after a long silence, at the first pause"),
        pytest.param(10.0, 10.1, 8.0, 10.3, id="the pause counts from the newest"),
        pytest.param(10.0, 11.9, 9.5, 12.0, id="while more arrive, after the longest wait"),
        pytest.param(10.0, 10.0, 9.5, 10.5, id="a pause soon after an insert is waited out"),
    ],
)
def test_an_insert_is_prompt_when_it_is_quiet_and_large_under_load(
    first: float, newest: float, began: float, due: float
) -> None:
    assert Pace(2.0, apart_s=1.0, newest=newest, began=began).due(first) == pytest.approx(due)


async def test_nothing_waits_for_more_than_is_wanted() -> None:
    pace = Pace(3600, apart_s=3600)
    pace.arrived()
    waiting = asyncio.create_task(pace.collect())
    await asyncio.sleep(0)
    assert not waiting.done()
    pace.complete.set()
    async with asyncio.timeout(5):
        await waiting


async def test_every_arrival_puts_the_insert_off_until_the_longest_wait_is_over() -> None:
    pace = Pace(0.05, apart_s=0)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(pace.collect())
        while not waiting.done():
            pace.arrived()
            await asyncio.sleep(0)
    assert pace.began > -inf


async def test_what_arrived_during_an_insert_has_waited_since_then() -> None:
    """Defect: its wait began after the insert, so that the lag was the longest wait and two inserts."""
    pace = Pace(3600, apart_s=3600)
    pace.arrived()
    pace.complete.set()
    await pace.collect()
    pace.complete.clear()
    pace.arrived()
    pace.oldest -= 3600
    async with asyncio.timeout(5):
        await pace.collect()
    pace.arrived()
    later = asyncio.create_task(pace.collect())
    await asyncio.sleep(0)
    assert not later.done()
    later.cancel()
