"""Placements before a window start in time or not at all, and runs in a reservation say so in their usage."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from queuebit_contracts.job import JobCompleted, JobFailed, JobPlaced, JobStarted, JobUsageReported
from queuebit_contracts.usage import RESERVATION, SHOTS, quantities
from queuebit_executor import events
from queuebit_executor.handlers import RunPlacement
from queuebit_kernel import FixedClock, Superseded

from .conftest import LOST, ME, World


def changed(event: JobPlaced, **changes: Any) -> JobPlaced:
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


async def test_a_placement_does_not_start_after_its_last_moment(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    late = changed(event, start_by=FixedClock().now() - timedelta(milliseconds=1))
    with pytest.raises(Superseded, match="was to start by"):
        await run(late, sequence)
    assert world.log.events(JobStarted) == []
    assert world.log.events(JobCompleted) == []


async def test_a_placement_starts_at_its_last_moment(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await run(changed(event, start_by=FixedClock().now()), sequence)
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_job_that_was_lost_after_its_start_runs_again_also_later(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    late = changed(event, start_by=FixedClock().now() - timedelta(seconds=1))
    await world.log.append(events.started(LOST, event, 1, FixedClock().now()))
    await run(late, sequence, redelivered=True)
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [1, 2]
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_run_in_a_reservation_says_so_in_its_usage(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await run(changed(event, reservation="r1"), sequence)
    (end,) = world.log.events(JobCompleted)
    measured = quantities(end.data.usage)
    assert (measured[RESERVATION], measured[SHOTS]) == (Decimal(1), Decimal(1_000))
    assert (end.data.usage.shots, end.data.usage.qpu_us, end.data.usage.final) == (1_000, 1_234, True)


async def test_a_run_at_its_limit_in_a_reservation_says_so_too(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    world.circuits.refusal = world.refusal("run_timeout").model_copy(update={"used_us": 20_000_000})
    await run(changed(event, reservation="r1"), sequence)
    (end,) = world.log.events(JobFailed)
    assert quantities(end.data.usage)[RESERVATION] == 1
    assert end.data.usage.at_limit is True


async def test_a_cancelled_run_in_a_reservation_says_so_too(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()

    async def cancel() -> None:
        await world.log.append(world.cancelled())

    world.circuits.on_run = cancel
    with pytest.raises(Superseded):
        await run(changed(event, reservation="r1"), sequence)
    (report,) = world.log.events(JobUsageReported)
    assert quantities(report.data.usage)[RESERVATION] == 1
    assert report.data.backend == "aer"
    assert report.source == ME.source
