"""The usage of a run whose job was cancelled is reported once, so that it is billed."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_contracts.job import JobCompleted, JobStarted, JobUsageReported
from queuebit_contracts.usage import is_final, quantities
from queuebit_executor import events
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Superseded

from .conftest import World

ME = Instance("aer", "executor-aer@here:1-abcd", 2, 1024)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def run(world: World, clock: FixedClock) -> RunPlacement:
    watch = JobWatch(world.log, look_s=0.01)
    return RunPlacement(world.log, world.payloads, world.circuits, clock, watch, me=ME, pauses=(0, 0, 0))


async def test_a_run_that_is_cancelled_reports_the_time_it_took(
    world: World, run: RunPlacement, clock: FixedClock
) -> None:
    async def cancelled_after_a_while() -> None:
        clock.advance(1.5)
        await world.log.append(world.cancelled())
        await asyncio.Event().wait()

    world.circuits.on_run = cancelled_after_a_while
    with pytest.raises(Superseded):
        await run(*await world.place())
    (start,) = world.log.events(JobStarted)
    assert start.data.reports_usage
    (report,) = world.log.events(JobUsageReported)
    assert (report.data.revision, report.data.attempt, report.data.backend) == (1, 1, "aer")
    assert is_final(report.data.usage)
    assert quantities(report.data.usage)["qpu-time"] == 1_500_000


async def test_a_result_that_came_after_the_cancellation_is_reported_as_used(world: World) -> None:
    async def cancel() -> None:
        await world.log.append(world.cancelled())

    run = RunPlacement(
        world.log, world.payloads, world.circuits, FixedClock(), JobWatch(world.log), me=ME, pauses=(0, 0, 0)
    )
    world.circuits.on_run = cancel
    with pytest.raises(Superseded):
        await run(*await world.place())
    assert world.log.events(JobCompleted) == []
    (report,) = world.log.events(JobUsageReported)
    assert quantities(report.data.usage)["shots"] == 1000


async def test_an_attempt_that_was_lost_before_the_cancellation_is_free(world: World, run: RunPlacement) -> None:
    """The executor ended between the cancellation and its report; the placement is delivered again."""
    event, sequence = await world.place()
    lost = Instance("aer", "executor-aer@there:1-ffff", 2, 1024)
    await world.log.append(events.started(lost, event, 1, event.time))
    await world.log.append(world.cancelled())
    for _ in range(2):
        with pytest.raises(Superseded):
            await run(event, sequence, redelivered=True)
    (report,) = world.log.events(JobUsageReported)
    assert {*quantities(report.data.usage).values()} == {0}


async def test_a_job_that_never_started_owes_no_report(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert world.log.events(JobUsageReported) == []


async def test_a_placement_that_was_replaced_reports_no_usage_in_place_of_the_newer_one(
    world: World, run: RunPlacement
) -> None:
    older, at = await world.place()
    newer = world.placed(backend="aer-2")
    await world.log.append(newer)
    there = Instance("aer", "executor-aer@there:1-ffff", 2, 1024)
    await world.log.append(events.started(there, newer, 1, newer.time))
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(older, at, redelivered=True)
    assert world.log.events(JobUsageReported) == []
