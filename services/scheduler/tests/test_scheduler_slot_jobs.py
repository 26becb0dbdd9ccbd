"""A job that names a reservation runs in that slot, or ends as expired; it runs nowhere else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from queuebit_contracts.job import JobAccepted, JobExpired, JobLimits
from queuebit_contracts.query import Question
from queuebit_contracts.reservation import ReservationCancelled, ReservationStarted, Withdrawal
from queuebit_scheduler.expiring import ExpireJobs
from queuebit_scheduler.folding import Folding
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.state import State

from .conftest import THEN, World, registered
from .test_scheduler_slots import IDS, booked, keeper, returned
from .test_scheduler_windows import Executor, S, job, pass_time


def bound(name: str, seconds: int, *, until: int = 120, **changes: Any) -> JobAccepted:
    """A job for the slot from 60 s to 120 s."""
    event = job(name, "acme", seconds)
    limits = JobLimits(deadline=THEN + until * S)
    data = event.data.model_copy(update={"reservation": "r1", "limits": limits, **changes})
    accepted: JobAccepted = event.model_copy(update={"data": data})
    return accepted


def expire(world: World) -> list[JobExpired]:
    before = len(world.log.stored)
    asyncio.run(ExpireJobs(world.state, world.log, world.clock, lambda: True).expire())
    world.fold()
    return [it.event for it in world.log.stored[before:] if isinstance(it.event, JobExpired)]


@pytest.fixture
def executor(world: World) -> Executor:
    world.happens(registered("aer"), booked())
    return Executor(world)


def test_it_waits_for_its_slot_though_the_backend_is_free_and_runs_there(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 20), job("other", "acme", 5))
    pass_time(world, executor, 30)
    (row,) = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert row["reason"] == "it runs in reservation r1, which begins at 2026-01-01 00:01:00 UTC"
    pass_time(world, executor, 60)
    assert [it[:2] for it in executor.runs] == [("acme", None), ("acme", "r1")]
    assert THEN + 60 * S <= executor.runs[1][2] < THEN + 65 * S
    assert world.state.waiting == 0


def test_what_no_longer_fits_into_the_slot_expires_and_never_runs_after_it(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 40), bound("j2", 40))
    ended = []
    for _ in range(150):
        pass_time(world, executor, 1)
        ended += expire(world)
    assert [it[1] for it in executor.runs] == ["r1"]
    (lost,) = ended
    assert (lost.data.job, lost.data.reason.code, lost.data.deadline) == ("j2", "deadline_missed", THEN + 120 * S)
    assert "in reservation r1" in lost.data.reason.text


def test_a_slot_that_is_cancelled_ends_the_jobs_that_wait_for_it(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 20))
    assert expire(world) == []
    gone = Withdrawal(**IDS, reason="window", cancelled_at=THEN)
    world.happens(ReservationCancelled(source="qb/broker", data=gone))
    (row,) = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert "r1 is over" in str(row["reason"])
    (lost,) = expire(world)
    assert (lost.data.job, lost.data.reason.code) == ("j1", "reservation_over")
    assert world.state.waiting == 0
    del executor


def test_a_slot_that_is_given_back_ends_what_waits_and_not_what_was_placed(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 20), bound("j2", 20))
    while not world.log.events(ReservationStarted):
        pass_time(world, executor, 1)
    pass_time(world, executor, 5)
    world.happens(returned(world.clock.now()))
    assert [it.data.job for it in expire(world)] in (["j2"], [])
    pass_time(world, executor, 60)
    assert {it[1] for it in executor.runs} == {"r1"}


def test_what_was_placed_in_a_slot_that_is_given_back_may_still_start(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 20))
    while not world.cycle():
        asyncio.run(keeper(world).round())
        world.fold()
        world.clock.advance(1)
    world.fold()
    world.happens(returned(world.clock.now()))
    assert expire(world) == []
    assert world.state.outstanding == 1
    del executor


def test_a_placement_that_did_not_start_is_not_placed_outside_of_the_slot(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 40))
    while not world.cycle():
        asyncio.run(keeper(world).round())
        world.fold()
        world.clock.advance(1)
    world.fold()
    world.clock.advance(70)
    asyncio.run(keeper(world).round())
    world.fold()
    assert world.state.outstanding == 0
    assert world.cycle() == []
    (lost,) = expire(world)
    assert lost.data.job == "j1"
    del executor


def test_jobs_that_wait_for_a_slot_survive_a_restart(world: World, executor: Executor) -> None:
    world.happens(bound("j1", 20))
    state = State(8)
    again = Folding(state, *_others())
    again.thaw([*Folding(world.state, *_others()).freeze()()])()
    assert state.waiting == 1
    assert state.snapshot(world.clock.now(), 32) is None
    assert state.slot_awaited(state.job(("acme", "j1"))) is not None
    del executor


class _Nothing:
    """Scores and shadows of a process that has none."""

    def freeze(self) -> Any:
        return lambda: iter(())

    def thaw(self, records: list[bytes]) -> Any:
        del records
        return lambda: None


def _others() -> Any:
    return _Nothing(), _Nothing(), lambda: None
