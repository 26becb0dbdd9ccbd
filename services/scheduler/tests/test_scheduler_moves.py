"""Placed jobs that have not started are moved, although nothing waits; one that starts meanwhile keeps its place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from queuebit_contracts.calendar import BackendWindowPlanned, PlannedWindow
from queuebit_contracts.job import JobAccepted, JobPlaced, Moved
from queuebit_contracts.query import Question
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduler.movable_jobs import MOST_ROWS
from queuebit_scheduler.placed_lines import MOST_COMPARED, PlacedLines
from queuebit_scheduler.state import State
from queuebit_scheduling import POLICIES, BackendCapacity, decode, plan
from queuebit_testing.contents import contents

from .conftest import THEN, World
from .test_scheduler_preemption import cycle
from .test_scheduler_snapshots import through_records


def accepted(job: str, *backends: str, seconds: int = 10, tenant: str = "acme", **changes: object) -> JobAccepted:
    event = World.accepted(job, tenant, backends=backends or ("aer", "boston"), qpu_us=seconds * 10**6)
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


def behind(seconds: int = 60) -> World:
    """A job waits on `aer` behind one that runs; `boston` registers later, and nothing waits."""
    world = World()
    world.happens(world.registered("aer"), accepted("running", "aer", seconds=seconds), accepted("a"))
    world.cycle()
    world.fold()
    world.happens(world.started("running"))
    world.happens(world.registered("boston"))
    return world


def moved(placed: list[JobPlaced]) -> list[tuple[str, str, str]]:
    return [(it.data.job, it.data.moved.left, it.data.backend) for it in placed if it.data.moved is not None]


def load(world: World) -> list[tuple[str, int, int]]:
    return [(it.name, it.taken, it.backlog_us // 10**6) for it in world.state.backends().values()]


def replayed(world: World) -> State:
    """Another process, which follows the same log."""
    state = State(8)
    world.fold(state)
    return state


def test_a_job_moves_to_a_backend_that_came_although_nothing_waits() -> None:
    world = behind()
    assert world.state.waiting == 0
    (placed,) = cycle(world)
    assert (placed.data.backend, placed.data.moved) == ("boston", Moved(left="aer", gained_ms=60_000))
    assert placed.data.policy == "fair-share/9"
    assert load(world) == [("aer", 1, 60), ("boston", 1, 10)]
    world.fold()
    assert load(world) == [("aer", 1, 60), ("boston", 1, 10)]
    assert world.state.job(("acme", "a")).left == ("aer",)
    assert cycle(world) == []
    assert contents(replayed(world)) == contents(world.state)
    assert contents(through_records(world.state)) == contents(world.state)


def test_a_run_that_is_late_drives_jobs_away_and_one_in_time_does_not() -> None:
    world = behind(seconds=6)
    world.clock.advance(4)
    assert cycle(world) == [], "the run ends in 2 s"
    world.clock.advance(6)
    assert cycle(world) == [], "it is 4 s late, and may take as long again"
    world.clock.advance(1)
    assert moved(cycle(world)) == [("a", "aer", "boston")]


@pytest.mark.parametrize(
    ("policy", "ran_s", "backend"),
    [
        pytest.param("fair-share/9", 11, "aer", id="9 s late, and less is left than what a new job waits elsewhere"),
        pytest.param("fair-share/9", 40, "boston", id="38 s late"),
        pytest.param("fair-share/8", 40, "aer", id="38 s late, for the version before"),
    ],
)
def test_a_run_that_is_late_counts_for_a_job_that_is_placed(policy: str, ran_s: int, backend: str) -> None:
    world = World(policy=POLICIES[policy])
    world.happens(world.registered("aer"), world.registered("boston"))
    world.happens(accepted("late", "aer", seconds=2), accepted("other", "boston", seconds=20))
    world.cycle()
    world.fold()
    world.happens(world.started("late"))
    world.clock.advance(ran_s)
    world.happens(accepted("new", seconds=5))
    restored = through_records(world.state).snapshot(world.clock.now(), 32)
    assert restored is not None
    assert (replace(restored, policy=policy) == world.snapshot()) is (policy == "fair-share/9")
    (placed,) = cycle(world)
    assert placed.data.backend == backend
    snapshot = decode(world.decisions.kept[placed.data.snapshot])
    (place,) = plan(POLICIES[policy], snapshot).places
    assert place.backend == backend, "it recomputes from what was stored"


@pytest.mark.parametrize("what", ["started", "cancelled"])
def test_a_job_that_started_or_ended_meanwhile_stays(what: str) -> None:
    """The history of the job guards the start and the move: the log has one of both."""
    world = behind()
    event = world.started("a") if what == "started" else world.cancelled("a")

    def meanwhile() -> None:
        coroutine = world.log.append(event)
        with pytest.raises(StopIteration):
            coroutine.send(None)

    assert cycle(world, meanwhile) == []
    world.fold()
    assert load(world) == [("aer", 2 if what == "started" else 1, 70 if what == "started" else 60), ("boston", 0, 0)]
    again = [(it.backend, it.started_at is not None, ahead) for it, ahead in replayed(world).placed_of("acme")]
    assert again == [(it.backend, it.started_at is not None, ahead) for it, ahead in world.state.placed_of("acme")]
    assert cycle(world) == []


def test_while_the_log_does_not_answer_the_job_keeps_its_place() -> None:
    world = behind()
    world.decisions.down = True
    assert cycle(world) == []
    assert load(world) == [("aer", 2, 70), ("boston", 0, 0)]
    world.decisions.down = False
    assert moved(cycle(world)) == [("a", "aer", "boston")]


def test_a_waiting_job_has_the_free_place_first() -> None:
    world = behind(seconds=100)
    world.happens(*(accepted(f"w{it}", "boston", seconds=15) for it in range(2)))
    placed = cycle(world)
    assert [(it.data.job, it.data.moved) for it in placed] == [("w0", None), ("w1", None)]


KEPT = {
    "of a shared device": {"shared_device": "tenant"},
    "of a reservation": {"reservation": "r1"},
    "with a candidate below what it demands": {"least_esp_ppm": 1_000_001},
    "moved twice": {"left": ("cairo", "dallas")},
}


@pytest.mark.parametrize("what", KEPT.values(), ids=KEPT)
def test_jobs_that_keep_their_places(what: dict[str, object]) -> None:
    world = behind()
    job = world.state.job(("acme", "a"))
    lines = PlacedLines()
    lines.add(Outstanding(replace(job, **what), "aer", 10**7, 5, confirmed=True))  # type: ignore[arg-type]  # fields of a job
    here = BackendCapacity("aer", 1, 8, 1, 60 * 10**6, queue_us=60 * 10**6)
    assert lines.rows({"aer": here}, {"boston": 0}, lambda it: it.expected_us, world.clock.now()) == ()


def test_a_job_of_a_session_keeps_its_place() -> None:
    world = World()
    world.happens(world.opened("s1"), world.registered("aer"), accepted("running", "aer", seconds=60))
    world.happens(accepted("a", "aer", session="s1"))
    world.cycle()
    world.fold()
    world.happens(world.registered("boston"))
    assert world.state.snapshot(world.clock.now(), 32) is None


def test_the_policy_before_has_no_such_snapshots() -> None:
    world = World(policy=POLICIES["fair-share/8"])
    world.happens(world.registered("aer"), accepted("running", "aer", seconds=60), accepted("a"))
    world.cycle()
    world.fold()
    world.happens(world.registered("boston"))
    assert world.state.snapshot(world.clock.now(), 32) is None


def test_only_as_many_jobs_as_a_snapshot_takes_are_in_it_those_that_wait_longest() -> None:
    world = World(places_per_slot=200)
    world.happens(world.registered("aer", 2), accepted("first", "aer", seconds=1))
    jobs = [f"j{number:03}" for number in range(140)]
    for first in range(0, 140, 20):
        world.happens(*(accepted(it, seconds=2) for it in jobs[first : first + 20]))
        cycle(world)
        world.fold()
    world.happens(world.registered("boston", 2))
    rows = world.snapshot().movable
    assert len(rows) == MOST_ROWS < MOST_COMPARED
    assert jobs[-1] in {it.job.job for it in rows}
    assert jobs[60] not in {it.job.job for it in rows}


def window(start_s: int, end_s: int) -> BackendWindowPlanned:
    begins, ends = (THEN + timedelta(seconds=it) for it in (start_s, end_s))
    data = PlannedWindow(backend="aer", window="w1", kind="calibration", starts_at=begins, ends_at=ends)
    return BackendWindowPlanned(source="qb/fleet", data=data)


@pytest.mark.parametrize(("start_s", "moves"), [(30, True), (300, False)])
def test_a_placed_job_leaves_a_backend_that_gets_a_window_it_cannot_end_before(start_s: int, moves: bool) -> None:
    """Both backends have the same work, so that it stays without the window."""
    world = World()
    running = [accepted(f"r{it}", it, seconds=20) for it in ("aer", "boston")]
    world.happens(world.registered("aer"), world.registered("boston"), *running, accepted("a"))
    world.cycle()
    world.fold()
    world.happens(*(world.started(f"r{it}", backend=it) for it in ("aer", "boston")))
    assert cycle(world) == []
    world.happens(window(start_s, start_s + 600))
    assert moved(cycle(world)) == ([("a", "aer", "boston")] if moves else [])


def test_the_answers_say_why_it_was_moved() -> None:
    world = behind()
    cycle(world)
    world.fold()
    world.happens(accepted("next", "boston"))
    answer = AnswerWaiting(world.state, world.clock)("acme", Question())
    reasons = {row["job"]: str(row["reason"]) for row in answer.rows}
    assert reasons["a"].endswith("; it was moved there from aer, because it ends sooner there")
    explained = asyncio.run(ExplainJob(world.log, world.decisions)("acme", Question(job="a")))
    assert explained.rows[-1]["improved"] == {"left": "aer", "gained_ms": 60_000}
