"""Places go to tenants in turn, and none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from queuebit_hybrid.fair_places import Places


async def started(tenants: Sequence[str], places: Places, order: list[str]) -> list[asyncio.Task[None]]:
    """Tasks that wait for a place, in this order."""

    async def run(tenant: str) -> None:
        await places.take(tenant)
        order.append(tenant)

    tasks = [asyncio.create_task(run(it)) for it in tenants]
    await asyncio.sleep(0)
    return tasks


async def test_a_tenant_with_many_jobs_delays_another_by_one() -> None:
    places, order = Places(1), list[str]()
    tasks = await started(["acme", "acme", "acme", "beta", "beta"], places, order)
    for task in (tasks[0], tasks[1], tasks[3], tasks[2], tasks[4]):
        await task
        places.give_back()
    assert order == ["acme", "acme", "beta", "acme", "beta"]


async def test_one_that_waits_no_longer_takes_no_place() -> None:
    places, order = Places(1), list[str]()
    first, waiting, chosen, last = await started(["acme", "acme", "beta", "carol"], places, order)
    await first
    waiting.cancel()
    await asyncio.wait({waiting})
    places.give_back()
    chosen.cancel()  # in the moment in which it is given the place
    await last
    assert order == ["acme", "carol"]
