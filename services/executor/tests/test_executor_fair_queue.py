"""The order in which callers get children."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_executor.errors import Overloaded
from queuebit_executor.fair_queue import MAX_WAITING, FairQueue


async def one_thing() -> tuple[FairQueue[str], list[str]]:
    turns, served = FairQueue[str](), list[str]()
    turns.give("child")
    return turns, served


async def test_lines_take_turns_however_long_one_is() -> None:
    turns, served = await one_thing()
    child = await turns.take("greedy")

    async def want(line: str, name: str) -> None:
        thing = await turns.take(line)
        served.append(name)
        turns.give(thing)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(want("greedy", f"g{number}"))
        await asyncio.sleep(0)
        group.create_task(want("modest", "m"))
        await asyncio.sleep(0)
        turns.give(child)
    assert served == ["g0", "m", "g1", "g2", "g3", "g4"]
    assert turns.idle == 1


async def test_a_line_that_is_too_long_keeps_no_other_out() -> None:
    turns, _ = await one_thing()
    await turns.take("greedy")
    waiting = [asyncio.ensure_future(turns.take("greedy")) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="wait already"):
        await turns.take("greedy")
    modest = asyncio.ensure_future(turns.take("modest"))
    await asyncio.sleep(0)
    turns.give("child")
    turns.give("another")
    assert await modest == "another"
    for task in waiting:
        task.cancel()


async def test_late_work_is_not_started() -> None:
    turns, _ = await one_thing()
    past = asyncio.get_running_loop().time()
    with pytest.raises(Overloaded, match="time for this one is over"):
        await turns.take("acme", past)
    child = await turns.take("acme")
    with pytest.raises(Overloaded, match="time for this one is over"):
        await turns.take("acme", past + 0.01)
    turns.give(child)
    assert turns.idle == 1


async def test_a_thing_given_to_a_cancelled_caller_goes_to_the_next() -> None:
    turns, _ = await one_thing()
    child = await turns.take("acme")
    gone, here = (asyncio.ensure_future(turns.take(line)) for line in ("acme", "other"))
    await asyncio.sleep(0)
    turns.give(child)
    gone.cancel()
    assert await here == "child"
    turns.give(child)
    assert turns.idle == 1
