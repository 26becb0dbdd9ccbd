"""Bills of several jobs in one batch: whole or not at all, and then one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.job import JobCompleted, JobMetered
from queuebit_kernel import FixedClock, Unavailable
from queuebit_metering.bills import Bills
from queuebit_metering.handlers import MeterJob
from queuebit_runtime.log import Guarded
from queuebit_runtime.paced import Paced
from queuebit_testing.memory import MemoryLog

from .conftest import Life


class Batches(MemoryLog):
    """Counts what is stored together, and loses confirmations."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.unconfirmed = False

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        last = await super().append_all(facts)
        self.sizes.append(len(facts))
        if self.unconfirmed and len(facts) > 1:
            raise Unavailable("the answer was lost")
        return last


@pytest.fixture
def log() -> Batches:
    return Batches()


@asynccontextmanager
async def metering(log: MemoryLog, life: Life) -> AsyncIterator[MeterJob]:
    bills = Bills(log, Paced(FixedClock(), most=64, linger_s=0))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bills.run())
        yield MeterJob(log, bills, life.book)
        running.cancel()


async def ends_of(log: MemoryLog, life_of: type[Life], jobs: int) -> list[JobCompleted]:
    ends = []
    for life in (life_of(job=f"j{number}") for number in range(jobs)):
        ends.append(life.completed())
        for event in (life.accepted(), life.placed(), ends[-1]):
            await log.append(event)
    return ends


def settled_once(log: MemoryLog, ends: Sequence[JobCompleted]) -> bool:
    jobs = sorted(it.data.job for it in ends)
    return (
        sorted(it.data.job for it in log.events(JobMetered)) == jobs
        and sorted(it.data.job for it in log.events(AccountSettled)) == jobs
    )


@pytest.mark.parametrize("unconfirmed", [False, True])
async def test_jobs_that_end_together_share_a_batch(
    life: Life, life_of: type[Life], log: Batches, unconfirmed: bool
) -> None:
    ends = await ends_of(log, life_of, 10)
    log.sizes.clear()
    log.unconfirmed = unconfirmed
    async with metering(log, life) as meter:
        await asyncio.gather(*(meter(it) for it in ends))
    assert log.sizes[0] == 20
    assert settled_once(log, ends)


async def test_few_jobs_are_billed_one_by_one(life: Life, life_of: type[Life], log: Batches) -> None:
    ends = await ends_of(log, life_of, 3)
    async with metering(log, life) as meter:
        await asyncio.gather(*(meter(it) for it in ends))
    assert set(log.sizes) == {1}
    assert settled_once(log, ends)


@pytest.mark.parametrize("known", [True, False], ids=["delivered again", "billed by another process"])
async def test_a_job_that_is_billed_already_costs_the_others_nothing(
    life: Life, life_of: type[Life], log: Batches, known: bool
) -> None:
    ends = await ends_of(log, life_of, 10)
    other = MemoryLog()
    other.stored = [*log.stored]
    async with metering(other, life) as meter:
        await meter(ends[3])
    await log.append(other.events(JobMetered)[0])  # the crash: metered, not settled
    log.sizes.clear()
    async with metering(log, life) as meter:
        await asyncio.gather(*(meter(it, again=known and it is ends[3]) for it in ends))
    assert (18 in log.sizes) is known
    assert settled_once(log, ends)
