"""A policy in shadow: what it is compared with, that it places nothing, and what it may cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from queuebit_contracts.canaries import (
    CanaryAborted,
    CanaryDrafted,
    CanaryEnd,
    CanaryShadowed,
    CanaryStart,
    CanaryStarted,
    Draft,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobPlaced
from queuebit_kernel import FixedClock, Unavailable
from queuebit_runtime.tracing import Tracing
from queuebit_scheduler import shadowing
from queuebit_scheduler.handlers import PlaceJobs
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduling import POLICY, FairShare, Place, Snapshot, Step
from queuebit_scheduling.registry import POLICIES, by_name
from queuebit_scheduling.shadow import Agreement, agreement
from queuebit_testing.memory import MemoryLog

from .conftest import THEN, World


class Elsewhere(FairShare):
    """Decides as the other, and names another backend; each step takes ten milliseconds."""

    name = "elsewhere/1"

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        for step in super().steps(snapshot):
            self._clock.advance(0.01)
            yield replace(step, place=replace(step.place, backend="other"))


class Faulty(FairShare):
    """Has an error."""

    name = "faulty/1"

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        raise KeyError("a rule is wrong")


def canary(name: str, candidate: str, subject: str = "policy") -> list[AnyEvent]:
    """It is drafted and started."""
    draft = Draft(canary=name, subject=subject, flag="policy", baseline=POLICY.name, candidate=candidate, by="eve")
    start = CanaryStart(canary=name, by="eve")
    return [CanaryDrafted(source="qb/test", data=draft), CanaryStarted(source="qb/test", data=start)]


class Shadowed(World):
    """A world whose scheduler has shadows."""

    def __init__(self) -> None:
        super().__init__()
        policies = {**POLICIES, **by_name([Elsewhere(self.clock), Faulty()])}
        self.shadows = ShadowPolicies(self.log, self.clock, lambda: True, policies)
        self.place = PlaceJobs(
            self.state, self.log, self.decisions, self.clock, Tracing("scheduler"), lambda: 1, self.shadows
        )

    def fold(self, state: object = None) -> None:
        for stored in self.log.stored[self._folded :]:
            self.shadows.evolve(stored.event)
        super().fold()

    def report(self) -> list[CanaryShadowed]:
        """Let the reporting task have one turn; all reports so far."""

        async def turn() -> None:
            task = asyncio.create_task(self.shadows.run())
            for _ in range(10):
                await asyncio.sleep(0)
            task.cancel()

        asyncio.run(turn())
        self.fold()
        return self.log.events(CanaryShadowed)


@pytest.fixture
def shadowed(monkeypatch: pytest.MonkeyPatch) -> Shadowed:
    monkeypatch.setattr(shadowing, "_TICK_S", 0)
    found = Shadowed()
    found.happens(found.registered("aer", 4))
    return found


def jobs(world: World, count: int) -> list[JobPlaced]:
    """So many jobs are accepted and placed in one cycle."""
    first = len(world.log.stored)
    world.happens(*(world.accepted(f"j{first + it}") for it in range(count)))
    placed = world.cycle()
    world.fold()
    return placed


def test_a_policy_that_decides_the_same_agrees_and_places_nothing(shadowed: Shadowed) -> None:
    shadowed.happens(*canary("old", "fair-share/3"))
    assert len(jobs(shadowed, 3)) == 3
    assert len(shadowed.log.events(JobPlaced)) == 3, "each job has one placement"
    shadowed.clock.advance(15)
    (report,) = shadowed.report()
    assert (report.data.cycles, report.data.placed, report.data.same) == (1, 3, 3)
    assert (report.data.since, report.data.until) == (THEN, shadowed.clock.now())


def test_a_policy_that_decides_otherwise_is_counted_and_takes_a_twentieth_of_the_time(shadowed: Shadowed) -> None:
    shadowed.happens(*canary("new", "elsewhere/1"))
    jobs(shadowed, 2)  # in shadow this takes 20 ms, so that the next 380 ms have no shadow
    jobs(shadowed, 1)
    shadowed.clock.advance(0.37)
    jobs(shadowed, 1)
    shadowed.clock.advance(0.02)
    jobs(shadowed, 1)
    shadowed.clock.advance(15)
    (report,) = shadowed.report()
    assert (report.data.cycles, report.data.skipped) == (2, 2)
    assert (report.data.placed, report.data.same, report.data.moved) == (3, 0, 3)


def test_an_error_of_the_candidate_harms_no_job(shadowed: Shadowed) -> None:
    shadowed.happens(*canary("bad", "faulty/1"))
    assert len(jobs(shadowed, 2)) == 2
    shadowed.clock.advance(15)
    assert shadowed.report()[0].data.faults == 1


def test_periods_grow_and_end_with_the_canary(shadowed: Shadowed) -> None:
    shadowed.happens(*canary("old", "fair-share/3"))
    for wait in (15, 29, 1):
        jobs(shadowed, 1)
        shadowed.clock.advance(wait)
        shadowed.report()
    assert [it.data.cycles for it in shadowed.report()] == [1, 2]
    shadowed.happens(CanaryAborted(source="qb/test", data=CanaryEnd(canary="old", reason="enough")))
    jobs(shadowed, 1)
    shadowed.clock.advance(3600)
    assert len(shadowed.report()) == 2
    assert shadowed.shadows.running == 0


def test_what_the_log_refuses_is_part_of_the_next_report(shadowed: Shadowed, monkeypatch: pytest.MonkeyPatch) -> None:
    shadowed.happens(*canary("old", "fair-share/3"))
    jobs(shadowed, 1)
    shadowed.clock.advance(15)

    async def away(*_: object, **__: object) -> int:
        raise Unavailable("no answer")

    with monkeypatch.context() as outage:
        outage.setattr(MemoryLog, "append", away)
        assert not shadowed.report()
    jobs(shadowed, 1)
    shadowed.clock.advance(15)
    (report,) = shadowed.report()
    assert (report.data.cycles, report.data.since) == (2, THEN)


def test_two_canaries_share_the_time_and_other_subjects_take_none(shadowed: Shadowed) -> None:
    for it in (*canary("one", "elsewhere/1"), *canary("two", "elsewhere/1"), *canary("level", "3", "compiler")):
        shadowed.happens(it)
    for _ in range(4):
        jobs(shadowed, 1)
        shadowed.clock.advance(1)
    shadowed.clock.advance(15)
    assert {it.data.canary: it.data.cycles for it in shadowed.report()} == {"one": 2, "two": 2}
    assert shadowed.shadows.running == 2


def test_a_snapshot_has_the_canaries(shadowed: Shadowed) -> None:
    shadowed.happens(*canary("old", "fair-share/3"), *canary("later", "fair-share/3")[:1])
    again = ShadowPolicies(shadowed.log, shadowed.clock, lambda: True)
    again.thaw([*shadowed.shadows.freeze()()])()
    assert again.running == 1
    again.evolve(canary("later", "fair-share/3")[1])
    assert again.running == 2
    again.thaw([])()
    assert again.running == 0


def test_placements_are_compared_by_job_and_backend() -> None:
    def place(job: str, backend: str) -> Place:
        return Place(("acme", job), backend, 1, ())

    mine = [place("a", "x"), place("b", "x"), place("c", "x")]
    others = [place("a", "x"), place("b", "y"), place("d", "x")]
    found = agreement(mine, others)
    assert found == Agreement(cycles=1, placed=3, same=1, moved=1, missing=1, added=1)
    assert found + found == Agreement(2, 6, 2, 2, 2, 2)
