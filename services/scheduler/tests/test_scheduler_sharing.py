"""Which jobs may share their device: the placement says so, and nothing of the decision depends on it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from queuebit_contracts.job import JobAccepted, SharedRun
from queuebit_contracts.query import Question
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduler.placements import placement
from queuebit_scheduling import Place

from .conftest import World

DECISION = Payload(digest=digest(b"{}"), size=2, media_type="application/json", inline="{}")


def accepted(job: str = "j1", consent: str | None = "tenant", **profile: object) -> JobAccepted:
    event = World.accepted(job)
    known = {"shared_device": consent, "profile": event.data.profile.model_copy(update=profile)}
    return event.model_copy(update={"data": event.data.model_copy(update=known)})


def with_jobs(*consents: str | None) -> World:
    world = World(places_per_slot=40)
    world.happens(world.registered("aer"))
    world.happens(*(accepted(f"j{number:02}", it) for number, it in enumerate(consents)))
    return world


@pytest.mark.parametrize("consent", ["tenant", "anyone"])
def test_the_placement_has_the_consent_of_the_acceptance(consent: str) -> None:
    (event,) = with_jobs(consent).cycle()
    assert event.data.shared_device == consent


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(accepted(consent=None), id="no consent"),
        pytest.param(accepted(consent="friends"), id="a word of a later version"),
        pytest.param(accepted(features=("conditional",)), id="a condition"),
        pytest.param(accepted(features=("loop",)), id="a loop"),
        pytest.param(accepted(features=("reset",)), id="a reset"),
        pytest.param(accepted(features=("timing",)), id="delays"),
        pytest.param(accepted(items=2), id="a program"),
        pytest.param(accepted(qubits=11), id="a large circuit"),
    ],
)
def test_only_small_plain_circuits_share_and_only_by_consent(event: JobAccepted) -> None:
    assert AcceptedJob.of(event, 1).shared_device is None


@pytest.mark.parametrize("how", [{"session": "s1"}, {"reservation": "r1"}], ids=["session", "reservation"])
def test_a_job_with_the_priority_of_a_session_or_in_a_reservation_runs_alone(how: dict[str, str]) -> None:
    job = AcceptedJob.of(accepted(), 1)
    place = Place(job.key, "aer", 1_000, (("aer", 1_000),))
    assert placement(job, place, "p", DECISION, 1).data.shared_device == "tenant"
    alone = replace(place, session=how.get("session"), reservation=how.get("reservation"))
    assert placement(job, alone, "p", DECISION, 1).data.shared_device is None


def test_decisions_are_the_same_without_consent() -> None:
    sharing, alone = with_jobs(*["tenant"] * 30).cycle(), with_jobs(*[None] * 30).cycle()
    bare = [it.data.model_copy(update={"shared_device": None}) for it in sharing]
    assert sorted(bare, key=lambda it: it.job) == sorted((it.data for it in alone), key=lambda it: it.job)


def test_a_state_that_was_stored_has_the_consent_of_its_jobs() -> None:
    world = with_jobs("tenant", None)
    frozen = FrozenState.decode(world.state.freeze().encode())
    assert sorted(str(it.shared_device) for it in frozen.waiting) == ["None", "tenant"]


def test_an_explanation_says_whose_circuits_may_be_there_and_names_no_job() -> None:
    world = with_jobs("tenant", "tenant")
    world.cycle()
    world.fold()
    (row,) = asyncio.run(ExplainJob(world.log, world.decisions)("acme", Question(job="j01"))).rows
    assert row["shared_device"] == "tenant"
    assert "j00" not in str(row)


@pytest.mark.parametrize(("circuits", "received_us"), [(None, 4_000_000), (4, 1_000_000)])
def test_a_job_received_its_part_of_the_time_of_a_run(circuits: int | None, received_us: int) -> None:
    world = with_jobs("tenant")
    (event,) = world.cycle()
    world.fold()
    world.happens(world.started("j00", backend=event.data.backend))
    world.clock.advance(4)
    end = world.completed("j00", backend=event.data.backend)
    shared = None if circuits is None else SharedRun(run="r", circuits=circuits, region=(1, 2))
    world.happens(end.model_copy(update={"data": end.data.model_copy(update={"shared": shared})}))
    (tenant,) = world.state.freeze().tenants
    assert tenant.served.us == received_us
