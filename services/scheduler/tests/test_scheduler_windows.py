"""Whole days in small: no job of another tenant overlaps a reserved slot, whatever is booked and submitted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from queuebit_contracts.calendar import BackendWindowPlanned, PlannedWindow
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Question
from queuebit_contracts.reservation import ReservationEnded, ReservationStarted
from queuebit_scheduler.handlers import AnswerWaiting

from .conftest import THEN, World, accepted, completed, registered, started
from .test_scheduler_slots import booked, keeper

S = timedelta(seconds=1)


@dataclass
class Executor:
    """One slot; it starts placements in their order, and none after its last moment."""

    world: World
    longer: float = 1.0
    """How long jobs take, in parts of their estimate."""
    queue: list[JobPlaced] = field(default_factory=list)
    running: tuple[JobPlaced, datetime] | None = None
    runs: list[tuple[str, str | None, datetime, datetime]] = field(default_factory=list)
    """Tenant, reservation, beginning and end."""

    def go(self) -> None:
        """What happens at this second."""
        now = self.world.clock.now()
        if self.running is not None and self.running[1] <= now:
            placed, _ = self.running
            self.running = None
            self.world.happens(completed(placed.data.job, placed.data.tenant))
        while self.queue and self.running is None:
            placed = self.queue.pop(0)
            if placed.data.start_by is not None and now > placed.data.start_by:
                continue
            took = timedelta(microseconds=placed.data.qpu_us * self.longer)
            self.running = placed, now + took
            self.runs.append((placed.data.tenant, placed.data.reservation, now, now + took))
            self.world.happens(started(placed.data.job, placed.data.tenant))


def pass_time(world: World, executor: Executor, seconds: int, *, step: int = 1) -> None:
    """Let time pass, with a round of the scheduler in each step."""
    keep = keeper(world)
    for _ in range(seconds // step):
        asyncio.run(keep.round())
        world.fold()
        executor.queue += world.cycle()
        world.fold()
        executor.go()
        world.clock.advance(step)


def job(name: str, tenant: str, seconds: int) -> Any:
    return accepted(name, tenant, qpu_us=seconds * 1_000_000, shots=seconds)


def window(start_s: int, end_s: int) -> BackendWindowPlanned:
    data = PlannedWindow(
        backend="aer", window=f"w{start_s}", kind="maintenance", starts_at=THEN + start_s * S, ends_at=THEN + end_s * S
    )
    return BackendWindowPlanned(source="qb/broker", data=data)


def test_a_reserved_slot_is_honoured_to_the_job() -> None:
    world = World()
    executor = Executor(world)
    world.happens(registered("aer"), booked(starts_at=THEN + 60 * S, ends_at=THEN + 120 * S))
    world.happens(*(job(f"o{number}", "other", 20) for number in range(5)))
    pass_time(world, executor, 70)
    assert [tenant for tenant, *_ in executor.runs] == ["other"] * 2, "a third would end in the slot"
    world.happens(job("a1", "acme", 10), job("a2", "acme", 45))
    pass_time(world, executor, 120)
    assert [(tenant, slot) for tenant, slot, *_ in executor.runs][2:4] == [("acme", "r1"), ("other", None)]
    (end,) = world.log.events(ReservationEnded)
    assert (end.data.used_s, end.data.idle_s, end.data.unavailable_s) == (10, 50, 0)
    assert executor.runs[3][2] >= THEN + 120 * S
    pass_time(world, executor, 120)
    assert world.state.outstanding == world.state.waiting == 0
    assert ("acme", None) in [it[:2] for it in executor.runs], "the long one runs after the slot, on its own"


def test_a_job_that_runs_longer_than_expected_is_not_stopped_and_not_paid_by_the_holder() -> None:
    world = World()
    executor = Executor(world, longer=2.0)
    world.happens(registered("aer"), booked(starts_at=THEN + 60 * S, ends_at=THEN + 120 * S), job("o1", "other", 40))
    pass_time(world, executor, 130)
    (end,) = world.log.events(ReservationEnded)
    assert (end.data.used_s, end.data.idle_s, end.data.unavailable_s) == (0, 40, 20)


def test_why_a_job_waits_is_the_reservation(world: World) -> None:
    world.happens(registered("aer"), booked(), job("o1", "other", 200))
    (row,) = AnswerWaiting(world.state, world.clock)("other", Question()).rows
    assert str(row["reason"]).startswith("aer is reserved from 2026-01-01 00:01:00 to 2026-01-01 00:02:00 UTC")


_JOBS = st.lists(
    st.tuples(st.integers(0, 100), st.sampled_from(["acme", "other"]), st.integers(1, 40)), min_size=1, max_size=10
)


@settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    _JOBS,
    st.lists(st.tuples(st.integers(10, 120), st.integers(10, 60)), max_size=2),
    st.integers(20, 120),
    st.sampled_from([0.3, 1.0, 1.25]),
)
def test_no_job_of_others_overlaps_a_slot_and_none_a_window(
    jobs: list[tuple[int, str, int]], windows: list[tuple[int, int]], slot_s: int, longer: float
) -> None:
    world = World()
    executor = Executor(world, longer)
    world.happens(registered("aer"))
    begin, end = THEN + slot_s * S, THEN + (slot_s + 60) * S
    world.happens(booked(starts_at=begin, ends_at=end))
    closed = [(at, at + length) for at, length in windows if at >= slot_s + 60 or at + length <= slot_s]
    world.happens(*(window(*it) for it in closed))
    for second in range(0, 120, 10):
        now = [it for it in enumerate(jobs) if second <= it[1][0] < second + 10]
        world.happens(*(job(f"j{number}", tenant, length) for number, (_, tenant, length) in now))
        pass_time(world, executor, 10, step=5)
    pass_time(world, executor, 400, step=5)
    assert len(world.log.events(ReservationStarted)) == len(world.log.events(ReservationEnded)) == 1
    for tenant, slot, first, last in executor.runs:
        inside = first < end and begin < last
        assert not (inside and tenant == "other")
        assert slot is None or (tenant == "acme" and begin <= first and last <= end)
        assert not any(first < THEN + b * S and THEN + a * S < last for a, b in closed)
    ended = {(it.data.tenant, it.data.job) for it in world.log.events(JobPlaced)}
    assert len(executor.runs) == len(ended), "each job ran once"
    assert len(ended) + world.state.waiting == len(jobs)
