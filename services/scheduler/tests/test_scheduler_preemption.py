"""Placed jobs give way: both placements are one batch, and a job that starts meanwhile keeps its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from queuebit_contracts.job import JobAccepted, JobPlaced, Preempted
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.query import Question
from queuebit_kernel import Unavailable
from queuebit_runtime.log import Guarded
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduler.movable_jobs import MOST_ROWS, MovableJobs
from queuebit_scheduler.state import State
from queuebit_scheduling import POLICY, plan
from queuebit_testing.contents import contents
from queuebit_testing.memory import MemoryLog

from .conftest import THEN, World
from .test_scheduler_snapshots import through_records


def accepted(job: str, kind: str, seconds: int = 10, tenant: str = "acme", **changes: object) -> JobAccepted:
    event = World.accepted(job, tenant, qpu_us=seconds * 10**6)
    data = event.data.model_copy(update={"workload_class": kind, **changes})
    return event.model_copy(update={"data": data})


def saturated(*long: str, slots: int = 1, places_per_slot: int = 8) -> World:
    """A world whose backend runs a job, and has these jobs of the class `production` before an interactive one."""
    world = World(places_per_slot)
    first = accepted("running", "production", 6)
    world.happens(world.registered("aer", slots), first, *(accepted(it, "production", 6) for it in long))
    world.cycle()
    world.fold()
    world.happens(world.started("running"))
    world.happens(accepted("urgent", "interactive", 1))
    return world


def cycle(world: World, before_append: Callable[[], None] = lambda: None) -> list[JobPlaced]:
    """Run one cycle in which something happens between the decision and its append."""
    known, keep = len(world.log.stored), world.decisions.keep

    async def late(content: bytes, *, private: bool, copies: int) -> object:
        before_append()
        return await keep(content, private=private, copies=copies)

    world.decisions.keep = late  # type: ignore[assignment, method-assign]
    asyncio.run(world.place.cycle())
    world.decisions.keep = keep  # type: ignore[method-assign]
    return [it.event for it in world.log.stored[known:] if isinstance(it.event, JobPlaced)]


def order(placed: Sequence[JobPlaced]) -> list[tuple[str, bool]]:
    return [(it.data.job, it.data.preempted is not None) for it in placed]


def load(world: World) -> tuple[int, int]:
    backend = world.state.backends()["aer"]
    return backend.taken, backend.backlog_us


def test_the_job_and_those_that_give_way_are_placed_in_one_batch() -> None:
    world = saturated("a", "b")
    batches: list[int] = []
    append_all = world.log.append_all

    async def counting(facts: Sequence[Guarded]) -> int:
        batches.append(len(facts))
        return await append_all(facts)

    world.log.append_all = counting  # type: ignore[method-assign]
    placed = cycle(world)
    assert batches == [3]
    assert order(placed) == [("urgent", False), ("a", True), ("b", True)]
    assert placed[1].data.preempted == Preempted(by="urgent", rule="class", gained_ms=12_000)
    assert placed[1].data.terms is not None
    assert load(world) == (4, 19 * 10**6)
    world.fold()
    assert load(world) == (4, 19 * 10**6)
    assert (world.state.waiting, world.state.outstanding) == (0, 4)
    assert contents(replayed(world)) == contents(world.state)


def replayed(world: World) -> State:
    """Another process, which follows the same log."""
    state = State(8)
    world.fold(state)
    return state


def test_a_job_gives_way_twice_and_then_keeps_its_place() -> None:
    world = saturated("a")
    moves = []
    for number in range(3):
        if number:
            world.happens(accepted(f"urgent{number}", "interactive", 1))
        moves.append(order(cycle(world))[1:])
        world.fold()
    assert moves == [[("a", True)], [("a", True)], []]


@pytest.mark.parametrize("what", ["started", "cancelled"])
def test_a_job_that_started_or_ended_meanwhile_is_left_alone(what: str) -> None:
    world = saturated("a", "b")
    event = world.started("a") if what == "started" else world.cancelled("a")
    placed = cycle(world, lambda: _append(world, event))
    assert order(placed) == [("urgent", False)]
    world.fold()
    assert world.state.outstanding == (4 if what == "started" else 3)
    assert load(world) == ((4, 19 * 10**6) if what == "started" else (3, 13 * 10**6))
    assert contents(replayed(world)) == contents(world.state)


def _append(world: World, event: object) -> None:
    """Store an event while a cycle runs: the memory log never waits."""
    coroutine = world.log.append(event)  # type: ignore[arg-type]  # an event of the catalog
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_while_the_log_does_not_answer_all_keep_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    world = saturated("a", "b")

    async def down(self: MemoryLog, facts: Sequence[Guarded]) -> int:
        raise Unavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryLog, "append_all", down)
        assert cycle(world) == []
    assert (world.state.waiting, world.state.outstanding) == (1, 3)
    assert load(world) == (3, 18 * 10**6)
    assert order(cycle(world)) == [("urgent", False), ("a", True), ("b", True)]


def test_a_batch_that_is_stored_without_a_confirmation_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = saturated("a", "b")
    append_all = MemoryLog.append_all

    async def unconfirmed(self: MemoryLog, facts: Sequence[Guarded]) -> int:
        sequence = await append_all(self, facts)
        if len(facts) > 1:
            raise Unavailable("the confirmation is lost")
        return sequence

    monkeypatch.setattr(MemoryLog, "append_all", unconfirmed)
    assert order(cycle(world)) == [("urgent", False), ("a", True), ("b", True)]
    world.fold()
    assert load(world) == (4, 19 * 10**6)
    assert contents(replayed(world)) == contents(world.state)


def test_a_full_backend_takes_the_job() -> None:
    world = saturated("a", "b", places_per_slot=3)
    assert order(cycle(world)) == [("urgent", False), ("a", True), ("b", True)]
    world.fold()
    world.happens(accepted("second", "interactive", 1))
    assert cycle(world) == [], "one more than the places for each slot"


def test_a_snapshot_of_the_state_has_the_places_that_the_log_has() -> None:
    """A process stores its state between a decision and its append."""
    world = saturated("a", "b")
    before = contents(through_records(world.state))
    places = plan(world.state.policy, world.snapshot()).places
    for place in places:
        if place.gave_way is None:
            world.state.reserve(place.job, place.backend)
        else:
            world.state.move(place.job, place.backend)
    assert contents(through_records(world.state)) == before
    for place in places:
        world.state.release(place.job)
    assert contents(world.state) == before
    world.state.move(("acme", "a"), "aer")
    world.state.forget(("acme", "a"))
    assert load(world) == (2, 12 * 10**6)


def test_a_job_that_gave_way_counts_after_a_restart() -> None:
    world = saturated("a")
    cycle(world)
    world.fold()
    again = through_records(world.state)
    assert contents(again) == contents(world.state)
    assert again.job(("acme", "a")).moves == 1


def test_only_as_many_placed_jobs_as_a_snapshot_takes_are_in_it() -> None:
    world = saturated(*(f"j{number:03}" for number in range(20)), places_per_slot=100)
    for number in range(20, 80):
        world.happens(accepted(f"j{number:03}", "production"))
    for _ in range(3):
        cycle(world)
        world.fold()
    world.happens(accepted("second", "interactive", 1))
    assert 0 < len(world.snapshot().movable) <= MOST_ROWS


def test_without_a_job_that_goes_before_the_snapshot_has_no_placed_jobs() -> None:
    world = saturated("a", places_per_slot=4)
    world.happens(accepted("more", "production"), accepted("foreign", "interactive", tenant="other"))
    assert [it.job.job for it in world.snapshot().movable] == ["a"]
    cycle(world)
    world.fold()
    world.happens(accepted("another", "production"))
    assert world.state.snapshot(world.clock.now(), 32) is None


@pytest.mark.parametrize("what", [{"reservation": "r1"}, {"shared_device": "tenant"}])
def test_jobs_of_reservations_and_jobs_that_share_a_device_keep_their_places(what: dict[str, str]) -> None:
    world = World()
    world.happens(world.registered("aer"), accepted("a", "production"), accepted("urgent", "interactive", 1))
    placed = replace(world.state.job(("acme", "a")), **what)  # type: ignore[arg-type]  # fields of a job
    movable = MovableJobs(POLICY)
    for job in (placed, world.state.job(("acme", "a"))):
        movable.add(Outstanding(job, "aer", 10**7, 1, confirmed=True), slots=1)
        found = movable.rows(lambda _: [world.state.job(("acme", "urgent")).job], lambda _: 0)
        assert len(found) == (job is not placed)


def test_a_deadline_is_in_the_snapshot_and_kept() -> None:
    world = World()
    limits = JobLimits(deadline=THEN + timedelta(seconds=20))
    timely = accepted("timely", "production", limits=limits)
    world.happens(world.registered("aer"), timely, accepted("a", "production"))
    world.cycle()
    world.fold()
    world.happens(accepted("urgent", "interactive", 1))
    assert [it.job.deadline_us is not None for it in world.snapshot().movable] == [True, False]
    assert order(cycle(world)) == [("urgent", False), ("a", True)]


async def test_the_answers_say_who_gave_way() -> None:
    world = await asyncio.to_thread(saturated, "a")
    await world.place.cycle()
    world.fold()
    answer = AnswerWaiting(world.state, world.clock)("acme", Question())
    reasons = {row["job"]: row["reason"] for row in answer.rows}
    assert str(reasons["a"]).endswith("; it gave way once to a job that goes before it")
    explained = await ExplainJob(world.log, world.decisions)("acme", Question(job="a"))
    assert explained.rows[-1]["gave_way"] == {"to": "urgent", "rule": "class", "gained_ms": 6_000}


def test_a_spot_job_waits_for_the_others_and_gives_way_to_any_tenant() -> None:
    world = World()
    spot = accepted("spot", "production", tenant="zeta", spot=True)
    world.happens(world.registered("aer"), spot, accepted("first", "batch", 1))
    assert order(cycle(world)) == [("first", False)]
    world.fold()
    assert order(cycle(world)) == [("spot", False)]
    world.fold()
    world.happens(world.started("first"), accepted("urgent", "sandbox", 1))
    placed = cycle(world)
    assert [(it.data.tenant, it.data.job) for it in placed] == [("acme", "urgent"), ("zeta", "spot")]
    assert placed[1].data.preempted == Preempted(rule="spot", gained_ms=10_000)
    assert placed[0].data.decision is not None
    assert placed[0].data.decision.inline is None, "what has jobs of two tenants is readable by none of them"
    world.fold()
    assert contents(replayed(world)) == contents(world.state)
    assert contents(through_records(world.state)) == contents(world.state)
