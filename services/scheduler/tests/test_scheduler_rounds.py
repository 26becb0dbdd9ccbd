"""Full cycles: their placements are stored in one batch, and several cycles may wait for the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from queuebit_contracts.job import JobPlaced
from queuebit_kernel import Unavailable
from queuebit_runtime.log import Guarded
from queuebit_scheduler.handlers import AT_ONCE, CYCLE_LIMIT
from queuebit_testing.memory import MemoryLog

from .conftest import World


class CountingLog(MemoryLog):
    """Counts batches; some are stored without a confirmation, and all wait while the gate is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.unconfirmed = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        self.batches.append(len(facts))
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        sequence = await super().append_all(facts)
        if len(facts) > 1 and self.unconfirmed:
            self.unconfirmed -= 1
            raise Unavailable("the confirmation is lost")
        return sequence


def full(jobs: int) -> tuple[World, CountingLog]:
    world, log = World(places_per_slot=1000), CountingLog()
    world.log = world.place._log = log
    world.happens(world.registered("aer"), *(world.accepted(f"j{number:04}") for number in range(jobs)))
    log.batches.clear()
    return world, log


def jobs_of(placed: Sequence[JobPlaced]) -> list[str]:
    return [it.data.job for it in placed]


def test_a_full_cycle_is_one_batch_and_a_small_one_is_not() -> None:
    world, log = full(CYCLE_LIMIT + 3)
    assert len(world.cycle()) == CYCLE_LIMIT
    assert log.batches == [CYCLE_LIMIT]
    world.fold()
    assert len(world.cycle()) == 3
    assert log.batches == [CYCLE_LIMIT, 1, 1, 1]


def test_a_job_that_another_writer_changed_does_not_keep_the_others_from_their_places() -> None:
    world, log = full(CYCLE_LIMIT)
    asyncio.run(log.append(world.cancelled("j0003")))
    log.batches.clear()
    placed = world.cycle()
    assert len(placed) == CYCLE_LIMIT - 1
    assert "j0003" not in jobs_of(placed)
    assert log.batches[0] == CYCLE_LIMIT
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, CYCLE_LIMIT - 1)


def test_a_batch_that_is_stored_without_a_confirmation_places_each_job_once() -> None:
    world, log = full(CYCLE_LIMIT)
    log.unconfirmed = 1
    assert sorted(jobs_of(world.cycle())) == [f"j{number:04}" for number in range(CYCLE_LIMIT)]
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, CYCLE_LIMIT)


def test_a_leader_that_was_replaced_while_its_snapshot_was_stored_appends_no_batch() -> None:
    world, log = full(CYCLE_LIMIT)
    keep = world.decisions.keep

    async def keep_and_lose(content: bytes, *, private: bool, copies: int) -> object:
        kept = await keep(content, private=private, copies=copies)
        world.term = None
        return kept

    world.decisions.keep = keep_and_lose  # type: ignore[assignment, method-assign]
    assert world.cycle() == []
    assert log.batches == []
    assert world.state.waiting == CYCLE_LIMIT


@pytest.mark.parametrize(
    ("jobs", "batches"),
    [
        (CYCLE_LIMIT + 5, 1),  # the rest would not fill a cycle: it waits until the first is confirmed
        (2 * CYCLE_LIMIT, 2),
        (9 * CYCLE_LIMIT, AT_ONCE),
    ],
)
async def test_further_cycles_begin_while_one_waits_for_the_log_only_if_they_are_full(jobs: int, batches: int) -> None:
    world, log = await asyncio.to_thread(full, jobs)
    log.gate = asyncio.Event()
    running = asyncio.ensure_future(world.place.run())
    world.place.wake()
    async with asyncio.timeout(10):
        while log.waiting < batches:
            await asyncio.sleep(0)
        for _ in range(20):
            world.place.wake()
            await asyncio.sleep(0)
        assert log.batches == [CYCLE_LIMIT] * batches
        assert world.state.outstanding == batches * CYCLE_LIMIT
        log.gate.set()
        while len(log.events(JobPlaced)) < jobs:
            await asyncio.sleep(0)
    running.cancel()
    placed = jobs_of(log.events(JobPlaced))
    assert len({*placed}) == len(placed) == jobs


async def test_what_is_appended_between_two_cycles_waits_for_open_ones_and_holds_others_back() -> None:
    world, log = await asyncio.to_thread(full, 6 * CYCLE_LIMIT)
    log.gate = asyncio.Event()
    running = asyncio.ensure_future(world.place.run())
    world.place.wake()
    entered = asyncio.Event()
    leave = asyncio.Event()

    async def between() -> None:
        async with world.place.turn:
            entered.set()
            await leave.wait()
        world.place.wake()

    async with asyncio.timeout(10):
        while log.waiting < AT_ONCE:
            await asyncio.sleep(0)
        isolating = asyncio.ensure_future(between())
        await asyncio.sleep(0.01)
        assert not entered.is_set()
        log.gate.set()
        await entered.wait()
        assert len(log.events(JobPlaced)) == AT_ONCE * CYCLE_LIMIT
        for _ in range(20):
            world.place.wake()
            await asyncio.sleep(0)
        assert len(log.batches) == AT_ONCE
        leave.set()
        await isolating
        while len(log.events(JobPlaced)) < 6 * CYCLE_LIMIT:
            await asyncio.sleep(0)
    running.cancel()


async def test_a_fault_in_a_cycle_ends_the_process() -> None:
    world, _ = await asyncio.to_thread(full, 1)

    async def broken(content: bytes, *, private: bool, copies: int) -> object:
        raise AssertionError("a defect")

    world.decisions.keep = broken  # type: ignore[assignment, method-assign]
    world.place.wake()
    with pytest.raises(ExceptionGroup):
        await world.place.run()
