"""When items that wait are taken."""

from __future__ import annotations

import asyncio

from queuebit_kernel import FixedClock
from queuebit_runtime.paced import Paced


async def test_the_first_after_a_rest_does_not_wait() -> None:
    clock = FixedClock()
    queue: Paced[int] = Paced(clock, most=9, linger_s=3600, quiet_s=3600)
    for number in range(2):
        queue.put(number)
        async with asyncio.timeout(5):
            assert await queue.take() == [number]
        clock.advance(3600)


async def test_the_last_of_a_burst_wait_for_a_pause_only() -> None:
    queue: Paced[int] = Paced(FixedClock(), most=9, linger_s=3600, quiet_s=0.01)
    queue.put(1)
    await queue.take()
    taking = asyncio.create_task(queue.take())
    for number in (2, 3):
        queue.put(number)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await taking == [2, 3]


async def test_items_that_keep_coming_wait_until_there_are_many() -> None:
    queue: Paced[int] = Paced(FixedClock(), most=3, linger_s=3600, quiet_s=3600)
    queue.put(0)
    await queue.take()
    taking = asyncio.create_task(queue.take())
    for number in range(1, 4):
        await asyncio.sleep(0)
        assert not taking.done()
        queue.put(number)
    queue.put(4)
    async with asyncio.timeout(5):
        assert await taking == [1, 2, 3]
