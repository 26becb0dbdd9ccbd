"""The order in which queries of several users run."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from queuebit_warehouse.errors import Overloaded
from queuebit_warehouse.fair_queue import FairQueue
from queuebit_warehouse.logins import Login

WRITER, ANALYST = Login("queuebit", writes=True), Login("analyst")
ANN, BOB, EVE = Login("acme/ann", tenant="acme"), Login("acme/bob", tenant="acme"), Login("evil/eve", tenant="evil")


class Queries:
    """Queries that run until they are cancelled."""

    def __init__(self, workers: int) -> None:
        self._turns = FairQueue(workers)
        self._tasks: list[asyncio.Task[None]] = []
        self.running: list[Login] = []

    async def start(self, login: Login, number: int = 1) -> int:
        """Start queries of a login, and return how many of them run."""

        async def query() -> None:
            async with self._turns.turn(login):
                self.running.append(login)
                try:
                    await asyncio.Event().wait()
                finally:
                    self.running.remove(login)

        self._tasks += [asyncio.create_task(query()) for _ in range(number)]
        await asyncio.sleep(0.01)
        return self.running.count(login)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_long_queries_of_one_tenant_leave_workers_to_the_writer_and_to_other_readers() -> None:
    queries = Queries(workers=8)
    assert await queries.start(EVE, 30) == 2
    assert await queries.start(ANN, 5) == 2
    assert await queries.start(BOB) == 0, "users of a tenant share its workers"
    assert await queries.start(ANALYST, 5) == 2
    assert await queries.start(Login("third/t", tenant="third")) == 0, "readers have three quarters of the workers"
    assert await queries.start(WRITER, 4) == 2
    await queries.end()
    assert await queries.start(EVE) == 1
    await queries.end()


async def test_a_full_queue_of_one_tenant_does_not_fill_others() -> None:
    turns = FairQueue(workers=8)
    async with AsyncExitStack() as held:
        waiting = [asyncio.create_task(held.enter_async_context(turns.turn(EVE))) for _ in range(2 + 32)]
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await held.enter_async_context(turns.turn(EVE))
        async with asyncio.timeout(20):
            await held.enter_async_context(turns.turn(ANN))
            await held.enter_async_context(turns.turn(WRITER))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("workers", [1, 2, 3])
async def test_all_users_get_a_turn_with_few_workers(workers: int) -> None:
    turns, served = FairQueue(workers), []

    async def query(login: Login) -> None:
        async with turns.turn(login):
            await asyncio.sleep(0)
            served.append(login)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for login in 5 * (WRITER, ANALYST, ANN, EVE):
            group.create_task(query(login))
    assert len(served) == 20
