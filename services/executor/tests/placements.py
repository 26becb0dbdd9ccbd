"""Several placed jobs, and waiting for what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from queuebit_contracts.job import JobPlaced

from .conftest import World


async def place_several(world: World, names: Sequence[str]) -> list[tuple[JobPlaced, int]]:
    placed = []
    for name in names:
        await world.log.append(world.accepted(await world.log.append(world.submitted(name)), name))
        event = world.placed(name)
        placed.append((event, await world.log.append(event)))
    return placed


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)
