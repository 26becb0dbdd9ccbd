"""Projects, users and classes in the state: what a decision sees of them, and what a copy of the state keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from queuebit_contracts.job import JobAccepted
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.settings import Settings
from queuebit_scheduler.state import State
from queuebit_scheduling import HALF_LIFE_S, PlacedCount, Resource, encode, period_for

if TYPE_CHECKING:
    from services.scheduler.tests.conftest import World


def of(event: JobAccepted, **changes: Any) -> JobAccepted:  # fields of the acceptance
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


def run_next(world: World, seconds: float) -> None:
    [placed] = world.cycle()
    world.run(placed, seconds)


def test_a_decision_sees_owner_class_and_priority_of_a_job(world: World) -> None:
    world.happens(world.registered("aer"), of(world.accepted("j1"), workload_class="batch", priority=3))
    [group] = world.snapshot().groups
    [job] = group.jobs
    assert (job.project, job.user, job.workload_class, job.priority) == ("main", "ann", "batch", 3)
    assert world.snapshot().accounts == (), "one project with one user: there is nothing to compare"


def test_the_next_job_is_of_the_project_that_received_less_for_its_weight(world: World) -> None:
    world.happens(world.registered("aer"), of(world.accepted("j1"), project="p", project_weight=2))
    run_next(world, 10)
    later = [of(world.accepted("j2"), project="p", project_weight=2), of(world.accepted("j3"), project="q")]
    world.happens(*later)
    accounts = {it.project: (it.weight, it.served.us) for it in world.snapshot().accounts}
    assert accounts == {"p": (2, 10**7), "q": (1, 0)}
    assert [it.data.job for it in world.cycle()] == ["j3", "j2"]


def test_the_next_job_is_of_the_user_that_received_less(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    run_next(world, 1)
    world.happens(world.accepted("j2"), of(world.accepted("j3"), user="bob"))
    assert [it.data.job for it in world.cycle()] == ["j3", "j2"]


def test_placed_jobs_of_a_class_with_a_limit_are_counted_until_they_end(world: World) -> None:
    world.happens(world.registered("aer", 4))
    world.happens(*(of(world.accepted(f"j{n}"), workload_class="sandbox") for n in range(3)))
    first, second = world.cycle()
    assert world.cycle() == []
    world.fold()
    world.happens(world.registered("cirq"))
    assert world.state.snapshot(world.clock.now(), 32) is None, "the user has as many as the class allows"
    world.run(first, 1)
    assert world.snapshot().placed == (PlacedCount("acme", "ann", "sandbox", 1),)
    assert [it.data.job for it in world.cycle()] == ["j2"]
    assert second.data.job == "j1"


def test_time_is_counted_by_kind_if_the_platform_has_several(world: World) -> None:
    qpu = world.registered("torino")
    world.happens(
        world.registered("aer", 2), qpu.model_copy(update={"data": qpu.data.model_copy(update={"kind": "qpu"})})
    )
    world.happens(world.accepted("j1"))
    run_next(world, 1)
    world.happens(world.accepted("j2"))
    found = world.snapshot()
    assert found.resources == (Resource("qpu", 1), Resource("simulator", 2))
    assert {it.kind: it.served.us for it in found.accounts} == {"simulator": 10**6}
    assert json.loads(encode(found))["backends"]["kind"] == ["simulator"]


def test_jobs_of_a_tenant_are_listed_by_class_and_priority(world: World) -> None:
    world.happens(
        of(world.accepted("j1"), workload_class="batch"),
        world.accepted("j2"),
        of(world.accepted("j3"), priority=2),
        of(world.accepted("j4"), workload_class="interactive"),
    )
    assert [it.job.job for it in world.state.waiting_of("acme")] == ["j4", "j3", "j2", "j1"]


def test_a_copy_keeps_what_owners_received_and_is_of_one_half_life(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    run_next(world, 10)
    frozen = FrozenState.decode(world.state.freeze().encode())
    other = State(8)
    other.restore(frozen)
    both = world.accepted("j2"), of(world.accepted("j3"), user="bob")
    for number, event in enumerate(both, start=90):
        other.evolve(event, number, world.clock.now())
        world.state.evolve(event, number, world.clock.now())
    assert other.snapshot(world.clock.now(), 32) == world.snapshot()
    assert frozen.period_us == world.state.period_us != period_for(HALF_LIFE_S)


def test_the_half_life_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUEBIT_SCHEDULER_HALF_LIFE_S", "3600")
    assert Settings().half_life_s == 3600


def test_the_time_of_aging_is_a_setting_and_in_the_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().aged_s == 3600
    monkeypatch.setenv("QUEUEBIT_SCHEDULER_AGED_S", "60")
    assert Settings().aged_s == 60
    monkeypatch.setenv("QUEUEBIT_SCHEDULER_AGED_S", "0")
    with pytest.raises(ValueError, match="aged_s"):
        Settings()
    world.state = State(8, aged_us=60_000_000)
    world.happens(world.registered("aer"), world.accepted("j1"))
    assert world.snapshot().aged_us == 60_000_000
