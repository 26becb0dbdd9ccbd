"""Placing under conflict and outage, and the answer to those who wait."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import Aggregate
from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.log import Guarded, Stored
from queuebit_scheduler import handlers
from queuebit_scheduler.handlers import CYCLE_LIMIT, AnswerWaiting
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog


class _Outage(MemoryLog):
    """A log that does not confirm; `stored_anyway` is an append whose confirmation alone was lost."""

    def __init__(self, *, stored_anyway: bool) -> None:
        super().__init__()
        self._stored_anyway = stored_anyway
        self.down = False

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        sequence = await super().append_all(facts) if self._stored_anyway or not self.down else 0
        if self.down:
            raise Unavailable("no answer")
        return sequence


class _Unreadable(MemoryLog):
    """A log into which somebody wrote what is no event."""

    garbled = False

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        if self.garbled:
            raise Malformed("not an event of the catalog")
        return await super().history(aggregate, reaching=reaching)


def test_a_placement_says_all_that_an_executor_needs(world: Any) -> None:
    world.happens(world.registered("aer"), world.accepted("j1", qpu_us=1500))
    snapshot = world.state.snapshot(world.clock.now(), CYCLE_LIMIT)
    [placed] = world.cycle()
    assert placed.data.model_dump(mode="json") == {
        "tenant": "acme",
        "project": "main",
        "job": "j1",
        "backend": "aer",
        "shots": 100,
        "circuit": "sha256:" + "0" * 64,
        "seed": 7,
        "qpu_us": 1500,
        "policy": "fair-share/2",
        "snapshot": snapshot.digest,
        "scores": [{"backend": "aer", "expected_ms": 1}],
        "submitted_at": "2026-01-01T00:00:00.000000Z",
        "accepted_at": "2026-01-01T00:00:00.000000Z",
    }
    assert placed.provenanceid == "sha256:" + "0" * 64
    assert placed.source == "qb/scheduler"


def test_a_job_that_somebody_moved_is_left_to_the_view(world: Any) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    asyncio.run(world.log.append(world.cancelled("j1")))
    assert world.cycle() == []
    assert world.cycle() == [], "it is not tried again and again"
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 0)


def test_a_job_that_is_accepted_after_its_end_takes_no_place(world: Any) -> None:
    again = submitted("k1")
    name = again.data.job
    world.happens(world.registered("aer"), world.accepted(name), world.ended("rejected", name), world.accepted(name))
    world.happens(again)
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].taken == 0


def test_submitting_an_accepted_job_once_more_neither_stops_it_nor_keeps_its_place(world: Any) -> None:
    again = submitted("k1")
    world.happens(world.registered("aer"), world.accepted(again.data.job))
    world.happens(again)
    assert [it.data.job for it in world.cycle()] == [again.data.job]
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 1)


def test_a_job_whose_history_cannot_be_read_holds_up_nobody(world: Any) -> None:
    log = world.log = world.place._log = _Unreadable()
    again = submitted("k1")
    world.happens(world.registered("aer"), world.accepted(again.data.job))
    world.happens(again)
    log.garbled = True
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].taken == 0


def test_what_the_log_did_not_confirm_is_placed_later_in_its_order(world: Any) -> None:
    log = world.log = world.place._log = _Outage(stored_anyway=False)
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(3)))
    log.down = True
    assert world.cycle() == []
    assert world.state.waiting == 3
    log.down = False
    assert [it.data.job for it in world.cycle()] == ["j0", "j1", "j2"]


def test_a_lost_confirmation_does_not_place_twice(world: Any) -> None:
    log = world.log = world.place._log = _Outage(stored_anyway=True)
    world.happens(world.registered("aer"), world.accepted("j1"))
    log.down = True
    world.cycle()
    log.down = False
    assert world.cycle() == []
    world.fold()
    assert len(log.events(JobPlaced)) == 1
    assert world.state.backends()["aer"].taken == 1


def test_late_binding_keeps_the_rest_in_memory(world: Any) -> None:
    world.happens(world.registered("aer", slots=2), *(world.accepted(f"j{n}") for n in range(20)))
    assert len(world.cycle()) == 16
    assert world.cycle() == []
    assert world.state.waiting == 4


async def test_a_wake_up_is_followed_by_cycles_until_nothing_fits(
    world_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "TICK_S", 3600)
    world = world_of(places_per_slot=100)
    events = [world.registered("aer"), *(world.accepted(f"j{n}") for n in range(CYCLE_LIMIT + 5))]
    for event in events:
        world.state.evolve(event, await world.log.append(event), world.clock.now())
    running = asyncio.ensure_future(world.place.run())
    world.place.wake()
    async with asyncio.timeout(20):
        while len(world.log.events(JobPlaced)) < CYCLE_LIMIT + 5:
            await asyncio.sleep(0)
    running.cancel()


def test_waiting_jobs_are_told_why_and_how_many_are_ahead(world: Any) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(10)))
    world.happens(world.accepted("other", "rival"))
    world.cycle()
    world.fold()
    world.clock.advance(2)
    rows = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert rows == (
        {
            "job": "j7",
            "project": "main",
            "waiting_ms": 2000,
            "position": 1,
            "reason": "all 8 places on aer are taken",
        },
        {
            "job": "j8",
            "project": "main",
            "waiting_ms": 2000,
            "position": 2,
            "reason": "all 8 places on aer are taken; 1 job of yours is ahead",
        },
        {
            "job": "j9",
            "project": "main",
            "waiting_ms": 2000,
            "position": 3,
            "reason": "all 8 places on aer are taken; 2 jobs of yours are ahead",
        },
    )
    answer = AnswerWaiting(world.state, world.clock)
    assert [row["job"] for row in answer("acme", Question(job="j9")).rows] == ["j9"]
    assert [row["job"] for row in answer("acme", Question(limit=2)).rows] == ["j7", "j8"]
    assert answer("acme", Question(project="none")).rows == ()
    assert answer("nobody", Question()).rows == ()
