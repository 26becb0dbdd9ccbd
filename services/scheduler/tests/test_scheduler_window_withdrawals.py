"""Jobs leave their last backend when it gets a window that they cannot end before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from queuebit_contracts.calendar import BackendWindowPlanned, PlannedWindow
from queuebit_contracts.job import JobWithdrawn
from queuebit_contracts.query import Question
from queuebit_kernel import Stale, Unavailable
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduling import decode, encode, plan
from queuebit_testing.contents import contents

from .conftest import THEN, World
from .test_scheduler_limits import Withdrawing
from .test_scheduler_moves import accepted, load, moved, replayed
from .test_scheduler_preemption import cycle
from .test_scheduler_slots import booked
from .test_scheduler_snapshots import through_records

S = timedelta(seconds=1)


def window(start_s: int, end_s: int, name: str = "w1", kind: str = "maintenance") -> BackendWindowPlanned:
    begins, ends = THEN + start_s * S, THEN + end_s * S
    data = PlannedWindow(backend="aer", window=name, kind=kind, starts_at=begins, ends_at=ends)
    return BackendWindowPlanned(source="qb/broker", data=data)


def behind() -> World:
    """On `aer` a run of 20 s has started; one of 60 s waits behind it."""
    world = World()
    world.happens(world.registered("aer"), accepted("running", "aer", seconds=20), accepted("long", "aer", seconds=60))
    world.cycle()
    world.fold()
    world.happens(world.started("running"))
    return world


def names(facts: list[JobWithdrawn]) -> list[str]:
    return [it.data.job for it in facts]


def reasons(world: World) -> dict[str, str]:
    rows = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    return {str(row["job"]): str(row["reason"]) for row in rows}


@pytest.mark.parametrize("changes", [{}, {"shared_device": "tenant"}], ids=["alone", "may share a device"])
def test_a_job_leaves_a_backend_that_gets_a_window_it_cannot_end_before(changes: dict[str, object]) -> None:
    world = World()
    world.happens(world.registered("aer"), accepted("running", "aer", seconds=20))
    world.happens(accepted("long", "aer", seconds=60, **changes))  # type: ignore[arg-type]  # fields of the acceptance
    world.cycle()
    world.fold()
    world.happens(world.started("running"))
    withdraw = Withdrawing(world)
    assert withdraw() == []
    world.happens(window(60, 600))
    (fact,) = withdraw()
    assert (fact.data.job, fact.data.backend, fact.data.reason.code) == ("long", "aer", "window")
    assert fact.data.reason.text == (
        "aer has a maintenance window from 2026-01-01 00:01:00 to 2026-01-01 00:10:00 UTC, and the job cannot end in "
        "time: it waits again"
    )
    assert load(world) == [("aer", 1, 20)]
    assert "aer has a maintenance window" in reasons(world)["long"]
    assert (cycle(world), withdraw()) == ([], [])
    assert contents(replayed(world)) == contents(world.state)
    assert contents(through_records(world.state)) == contents(world.state)
    world.happens(world.completed("running"))
    world.clock.advance(601)
    (placed,) = cycle(world)
    assert placed.data.job == "long", "it is placed when the window is over"


def test_a_shorter_job_behind_it_keeps_its_place() -> None:
    world = World()
    jobs = {"running": 2, "long": 17, "short": 3}
    world.happens(world.registered("aer"), *(accepted(name, "aer", seconds=it) for name, it in jobs.items()))
    world.cycle()
    world.fold()
    world.happens(world.started("running"))
    assert load(world) == [("aer", 3, 22)]
    world.happens(window(15, 600))
    assert names(Withdrawing(world)()) == ["long"]
    assert load(world) == [("aer", 2, 5)]


def test_it_keeps_its_place_in_age() -> None:
    world = behind()
    world.happens(window(60, 100))
    assert names(Withdrawing(world)()) == ["long"]
    world.happens(accepted("later", "aer", seconds=60), world.completed("running"))
    world.clock.advance(101)
    assert [it.data.job for it in cycle(world)] == ["long", "later"]


def test_a_better_backend_comes_before_a_withdrawal() -> None:
    world = World()
    running = [accepted(f"r{it}", it, seconds=20) for it in ("aer", "boston")]
    world.happens(world.registered("aer"), world.registered("boston"), *running, accepted("a"))
    world.cycle()
    world.fold()
    world.happens(*(world.started(f"r{it}", backend=it) for it in ("aer", "boston")), window(30, 630))
    assert Withdrawing(world)() == []
    assert moved(cycle(world)) == [("a", "aer", "boston")]


def test_a_placement_that_says_by_when_it_must_start_is_left_to_its_executor() -> None:
    world = World()
    world.happens(world.registered("aer"), window(120, 600), accepted("long", "aer", seconds=60))
    (placed,) = world.cycle()
    world.fold()
    assert placed.data.start_by == THEN + 45 * S
    world.clock.advance(60)
    assert Withdrawing(world)() == []
    world.happens(window(90, 100, "w2"))
    assert names(Withdrawing(world)()) == [], "it must start before this one, too"


def test_an_earlier_window_than_the_one_it_was_placed_before_counts() -> None:
    world = World()
    world.happens(world.registered("aer"), window(600, 700), accepted("long", "aer", seconds=60))
    world.cycle()
    world.fold()
    world.happens(window(30, 100, "w2"))
    assert names(Withdrawing(world)()) == ["long"]


def test_a_slot_of_others_counts_and_its_holder_is_not_named() -> None:
    world = behind()
    world.happens(booked(starts_at=THEN + 60 * S, ends_at=THEN + 600 * S, tenant="zeta"))
    facts = Withdrawing(world)()
    assert names(facts) == ["long"]
    assert "aer is reserved from 2026-01-01 00:01:00" in facts[0].data.reason.text
    assert "zeta" not in facts[0].data.reason.text


def test_a_run_that_has_started_is_left_alone() -> None:
    world = behind()
    world.happens(window(10, 600))
    assert names(Withdrawing(world)()) == ["long"]
    assert world.state.outstanding == 1


def test_a_start_that_the_view_has_not_shown_excludes_a_withdrawal() -> None:
    world = behind()
    asyncio.run(world.log.append(world.started("long")))
    world.happens(window(60, 600))
    assert Withdrawing(world)() == []


def test_a_withdrawal_excludes_a_start() -> None:
    world = behind()
    placement = next(it.after for it, _ in world.state.placed_of("acme") if it.accepted.job.job == "long")
    world.happens(window(60, 600))
    assert names(Withdrawing(world)()) == ["long"]
    with pytest.raises(Stale):
        asyncio.run(world.log.append(world.started("long"), after=placement, guard=world.guard("long")))


def test_after_a_restart_it_is_withdrawn_and_only_once() -> None:
    world = behind()
    world.happens(window(60, 600))
    restarted = replayed(world)
    assert [it.accepted.job.job for it, _ in restarted.before_windows(world.clock.now())] == ["long"]
    withdraw = Withdrawing(world)
    world.term = None
    assert withdraw() == [], "another process leads"
    world.term = 2
    assert names(withdraw()) == ["long"]
    assert withdraw() == []


def test_while_the_log_does_not_answer_it_keeps_its_place_and_is_withdrawn_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = behind()
    world.happens(window(60, 600))
    withdraw = Withdrawing(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.log, "append", _no_answer)
        assert withdraw() == []
    assert world.state.outstanding == 2
    assert names(withdraw()) == ["long"]


async def _no_answer(*_: object, **__: object) -> int:
    raise Unavailable("no answer")


def test_the_decisions_after_it_recompute() -> None:
    world = behind()
    world.happens(window(60, 600))
    Withdrawing(world)()
    world.happens(accepted("short", "aer", seconds=5))
    (placed,) = cycle(world)
    assert (placed.data.job, placed.data.start_by) == ("short", THEN + timedelta(seconds=53.75))
    snapshot = decode(world.decisions.kept[placed.data.snapshot])
    assert [it.job for it in plan(world.state.policy, snapshot).places] == [("acme", "short")]
    assert encode(snapshot) == world.decisions.kept[placed.data.snapshot]
