"""The view: current after every event, the same after a restart, and small."""

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.job import TERMINAL, JobPlaced
from queuebit_scheduler.state import State
from queuebit_scheduling import POLICY, BackendCapacity, FairShare, Job, Snapshot, plan, policy

from .conftest import World

QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases in every run; a busy machine may be slow."""

LIMIT = 32


def shown(snapshot: Snapshot) -> list[Job]:
    """The jobs of a snapshot, oldest first."""
    return sorted((job for group in snapshot.groups for job in group.jobs), key=lambda it: it.sequence)


def test_an_accepted_job_waits_until_it_is_placed_and_is_forgotten_when_it_ended(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    assert (world.state.waiting, world.state.outstanding) == (1, 0)
    [placed] = world.cycle()
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 1)
    world.run(placed, seconds=1)
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].backlog_us == 0


@pytest.mark.parametrize("how", TERMINAL)
def test_any_end_of_a_job_frees_its_place_also_after_a_restart(world: World, how: str) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(8)), world.accepted("waits"))
    assert len(world.cycle()) == 8
    world.fold()
    world.happens(*(world.ended(how, f"j{n}") for n in range(8)), world.ended(how, "waits"))
    again = State(8)
    world.fold(again)
    for state in (world.state, again):
        assert (state.waiting, state.outstanding) == (0, 0)
        assert state.backends()["aer"].taken == 0


def test_a_cancelled_job_leaves_the_line_or_gives_its_place_back(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"), world.accepted("j2", backends=("cirq",)))
    world.cycle()
    world.happens(world.cancelled("j1"), world.cancelled("j2"))
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].taken == 0


def test_a_place_is_taken_once_though_the_view_shows_it_again(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    world.cycle()
    before = world.state.backends()
    world.fold()
    assert world.state.backends() == before


def test_a_place_that_the_view_has_shown_is_not_released(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    world.cycle()
    world.fold()
    world.state.release(("acme", "j1"))
    assert world.state.outstanding == 1


def test_the_view_corrects_a_place_taken_elsewhere(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"), world.accepted("j1", backends=("aer", "cirq")))
    [placed] = world.cycle()
    assert placed.data.backend == "aer"
    elsewhere = placed.model_copy(update={"data": placed.data.model_copy(update={"backend": "cirq"})})
    world.state.evolve(elsewhere, 4, world.clock.now())
    assert {name: it.taken for name, it in world.state.backends().items()} == {"aer": 0, "cirq": 1}


def test_released_jobs_return_to_the_front_in_their_order(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(4)))
    for name in ("j0", "j1"):
        world.state.reserve(("acme", name), "aer")
    for name in ("j1", "j0"):
        world.state.release(("acme", name))
    assert [job.job for job in shown(world.snapshot())] == ["j0", "j1", "j2", "j3"]


def test_run_times_are_learned_per_backend_and_size(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1", qpu_us=5_000_000))
    [placed] = world.cycle()
    world.fold()
    world.run(placed, seconds=0.25)
    world.happens(world.accepted("j2", qpu_us=5_000_000))
    [learned] = world.snapshot().run_times
    assert (learned.backend, learned.us) == ("aer", 250_000)
    [place] = plan(POLICY, world.snapshot()).places
    assert place.expected_us == 250_000
    [tenant] = world.snapshot().tenants
    assert tenant.served.us == 250_000


def test_candidates_are_ranked_by_what_they_may_cost(world: World) -> None:
    event = world.accepted("j1", backends=("a", "b", "c"))
    prices = {"a": "0.10", "b": "0.09", "c": "0.1"}
    candidates = tuple(it.model_copy(update={"hold": prices[it.backend]}) for it in event.data.candidates)
    world.happens(*(world.registered(name) for name in "abc"))
    world.happens(event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates})}))
    [job] = shown(world.snapshot())
    assert {it.backend: it.cost_rank for it in job.candidates} == {"a": 1, "b": 0, "c": 1}


def test_a_snapshot_holds_no_more_than_could_be_placed(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(20)))
    world.happens(*(world.accepted(f"k{n}", backends=("absent",)) for n in range(20)))
    snapshot = world.snapshot()
    assert [it.job for it in shown(snapshot)] == [f"j{n}" for n in range(8)]
    assert [it.name for it in snapshot.backends] == ["aer"]


def test_what_a_snapshot_leaves_out_does_not_change_the_order_of_placement(
    world_of: type[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    for size in (3, 1000):
        monkeypatch.setattr(policy, "SNAPSHOT_JOBS", size)
        world = world_of(places_per_slot=30)
        world.happens(world.registered("aer"), world.registered("cirq"))
        for n in range(10):
            world.happens(world.accepted(f"a{n}", "a", share=3), world.accepted(f"b{n}", "b"))
            world.happens(world.accepted(f"c{n}", "b", backends=("aer", "cirq")))
        order = []
        while (snapshot := world.state.snapshot(world.clock.now(), LIMIT)) is not None:
            for place in plan(POLICY, snapshot).places:
                world.state.reserve(place.job, place.backend)
                order.append((place.job, place.backend))
        orders.append(order)
    assert orders[0] == orders[1]
    assert len(orders[0]) == 30


def test_nothing_to_decide_is_said_so(world: World) -> None:
    assert world.state.snapshot(world.clock.now(), LIMIT) is None
    world.happens(world.accepted("j1"))
    assert world.state.snapshot(world.clock.now(), LIMIT) is None


STEPS = st.lists(st.tuples(st.sampled_from("aecnx"), st.integers(0, 5)), max_size=25)


@QUICK
@given(STEPS)
def test_a_restart_sees_what_it_saw_before(world_of: type[World], steps: list[tuple[str, int]]) -> None:
    world = world_of(places_per_slot=2)
    world.happens(world.registered("aer"), world.registered("cirq"))
    running: list[JobPlaced] = []
    for number, (step, choice) in enumerate(steps):
        world.clock.advance(1)
        if step == "a":
            world.happens(
                world.accepted(f"j{number}", tenant=f"t{choice % 2}", backends=(("aer",), ("aer", "cirq"))[choice % 2])
            )
        elif step == "e" and running:
            placed = running.pop(choice % len(running))
            world.run(placed, seconds=choice)
        elif step == "c" and running:
            placed = running.pop(choice % len(running))
            world.happens(world.cancelled(placed.data.job, placed.data.tenant))
        else:
            running += world.cycle()
            world.fold()
    again = State(2)
    world.fold(again)
    now, limit = world.clock.now(), LIMIT
    assert (again.waiting, again.outstanding) == (world.state.waiting, world.state.outstanding)
    assert again.snapshot(now, limit) == world.state.snapshot(now, limit)
    if (snapshot := again.snapshot(now, limit)) is not None:
        assert plan(POLICY, snapshot) == plan(POLICY, world.snapshot(limit))


def test_accepting_an_active_job_again_changes_nothing(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"), world.accepted("j1"))
    world.happens(world.accepted("j1", backends=("cirq",)))
    (placed,) = world.cycle()
    assert placed.data.backend == "aer"
    world.fold()
    world.happens(world.accepted("j1"))
    assert (world.state.waiting, world.state.outstanding) == (0, 1)


class ShortestFirst(FairShare):
    """An edit of `FairShare.order`, and of nothing else."""

    name = "shortest-first/1"

    def order(self, job: Job) -> tuple[int, ...]:
        return (min(it.qpu_us for it in job.candidates),)


def test_a_change_of_one_rule_changes_what_is_placed_first_also_far_behind_in_the_queue(world_of: type[World]) -> None:
    for rules, first in ((FairShare(), "j0"), (ShortestFirst(), "short")):
        world = world_of(places_per_slot=1, policy=rules)
        world.happens(world.registered("aer"), *(world.accepted(f"j{n}", qpu_us=9_000) for n in range(200)))
        world.happens(world.accepted("short", qpu_us=10))
        [placed] = world.cycle()
        assert (placed.data.job, placed.data.policy) == (first, rules.name)


def test_a_rule_about_groups_is_followed_too(world_of: type[World]) -> None:
    class BySize(FairShare):
        name = "by-size/1"

        def group(self, job: Job) -> object:
            return super().group(job), job.size

    world = world_of(policy=BySize())
    world.happens(world.registered("aer"), world.accepted("small", shots=1), world.accepted("large", shots=10**6))
    assert len(world.snapshot().groups) == 2


class Staying(FairShare):
    name = "staying/1"

    def leaves(self, job: Job, backend: str, backends: Mapping[str, BackendCapacity], at_us: int) -> bool:
        return False


def test_a_rule_about_silent_backends_is_followed_too(world_of: type[World]) -> None:
    for rules, waiting in ((FairShare(), 1), (Staying(), 0)):
        world = world_of(policy=rules)
        world.happens(*(world.registered(name) for name in ("aer", "cirq")))
        world.happens(world.accepted("j1", backends=("aer", "cirq")))
        [placed] = world.cycle()
        world.fold()
        world.state.silence({placed.data.backend: world.clock.now()}, world.clock.now())
        assert world.state.waiting == waiting


class BestFirst(FairShare):
    """An order by a figure that changes while a job waits."""

    name = "best-first/1"

    def order(self, job: Job) -> tuple[int, ...]:
        return (-max(it.esp_ppm for it in job.candidates),)


def test_an_order_by_success_probability_follows_a_new_calibration(world_of: type[World]) -> None:
    world = world_of(policy=BestFirst())
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(3)))
    for name, esp_ppm in (("j0", 100), ("j1", 300), ("j2", 200)):
        assert world.state.rescore(("acme", name), "aer", esp_ppm)
    assert not world.state.rescore(("acme", "j1"), "aer", 300)
    assert [it.job.job for it in world.state.waiting_of("acme")] == ["j1", "j2", "j0"]
    assert [it.data.job for it in world.cycle()] == ["j1", "j2", "j0"]
