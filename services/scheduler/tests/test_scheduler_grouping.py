"""Groups of jobs on one device: by consent, after the decision, and without any influence on it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.job import Group, JobAccepted, SharedRun
from queuebit_contracts.query import Question
from queuebit_contracts.sharing import MOST_TOGETHER, may_share
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.grouping import SHARED_KIND, grouped
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import Key, Place

from .conftest import DIGEST, World

DEVICE, OTHER, IDEAL = "torino", "kyiv", "aer"
KINDS = {DEVICE: SHARED_KIND, OTHER: SHARED_KIND, IDEAL: "simulator"}


def accepted(job: str, tenant: str = "acme", consent: str | None = "tenant", shots: int = 100) -> JobAccepted:
    event = World.accepted(job, tenant, backends=(DEVICE, OTHER, IDEAL), shots=shots)
    return event.model_copy(update={"data": event.data.model_copy(update={"shared_device": consent})})


def placed(
    event: JobAccepted, backend: str = DEVICE, *, session: str | None = None, reservation: str | None = None
) -> tuple[AcceptedJob, Place]:
    job = AcceptedJob.of(event, 1)
    return job, Place(job.key, backend, 1_000, ((backend, 1_000),), session=session, reservation=reservation)


def groups_of(pairs: Sequence[tuple[AcceptedJob, Place]]) -> dict[Key, Group]:
    return grouped(pairs, lambda it: KINDS[it], DIGEST)


def names_of(pairs: Sequence[tuple[AcceptedJob, Place]]) -> list[set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for (_, job), group in groups_of(pairs).items():
        found[group.id].add(job)
    return [*found.values()]


def test_jobs_on_the_same_device_with_the_same_shots_are_a_group() -> None:
    pairs = [placed(accepted(f"j{number}")) for number in range(3)]
    assert names_of(pairs) == [{"j0", "j1", "j2"}]
    assert {it.jobs for it in groups_of(pairs).values()} == {3}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(placed(accepted("j2"), OTHER), id="another device"),
        pytest.param(placed(accepted("j2", shots=101)), id="other shots"),
        pytest.param(placed(accepted("j2", consent=None)), id="no consent"),
        pytest.param(placed(accepted("j2", consent="friends")), id="a word of a later version"),
        pytest.param(placed(accepted("j2", tenant="globex")), id="another tenant"),
        pytest.param(placed(accepted("j2", tenant="globex", consent="anyone")), id="one of the two says tenant"),
        pytest.param(placed(accepted("j2"), session="s1"), id="the priority of a session"),
        pytest.param(placed(accepted("j2"), reservation="r1"), id="a reservation"),
    ],
)
def test_two_that_may_not_be_together_run_alone(other: tuple[AcceptedJob, Place]) -> None:
    assert groups_of([placed(accepted("j1")), other]) == {}


def test_simulators_have_no_groups() -> None:
    assert groups_of([placed(accepted(f"j{number}"), IDEAL) for number in range(3)]) == {}


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param({"features": ("conditional",)}, id="a condition"),
        pytest.param({"features": ("loop",)}, id="a loop"),
        pytest.param({"features": ("reset",)}, id="a reset"),
        pytest.param({"features": ("timing",)}, id="delays"),
        pytest.param({"items": 2}, id="a program"),
        pytest.param({"qubits": 11}, id="a large circuit"),
    ],
)
def test_only_small_plain_circuits_share(profile: dict[str, object]) -> None:
    event = accepted("j1", consent="anyone")
    changed = event.data.model_copy(update={"profile": event.data.profile.model_copy(update=profile)})
    job = AcceptedJob.of(event.model_copy(update={"data": changed}), 1)
    assert job.shared_device is None


def test_a_group_ends_at_eight_and_the_next_begins() -> None:
    found = names_of([placed(accepted(f"j{number:02}")) for number in range(11)])
    assert [len(it) for it in found] == [8, 3]


JOBS = st.lists(
    st.tuples(
        st.sampled_from(["acme", "globex", "initech"]),
        st.sampled_from([None, "tenant", "anyone"]),
        st.sampled_from([DEVICE, OTHER, IDEAL]),
        st.sampled_from([100, 200]),
    ),
    max_size=40,
)


@given(JOBS)
def test_each_pair_of_a_group_agreed_to_be_together(jobs: list[tuple[str, str | None, str, int]]) -> None:
    pairs = [
        placed(accepted(f"j{number}", tenant, consent, shots), backend)
        for number, (tenant, consent, backend, shots) in enumerate(jobs)
    ]
    found = groups_of(pairs)
    members: dict[str, list[tuple[AcceptedJob, Place]]] = defaultdict(list)
    for job, place in pairs:
        if job.key in found:
            members[found[job.key].id].append((job, place))
    for id_, of_group in members.items():
        assert 2 <= len(of_group) <= MOST_TOGETHER
        assert {found[job.key].jobs for job, _ in of_group} == {len(of_group)}
        assert len({(place.backend, job.shots) for job, place in of_group}) == 1
        said = [(job.job.tenant, job.shared_device) for job, _ in of_group]
        assert all(may_share(one, other) for at, one in enumerate(said) for other in said[:at])
        assert not any(job.job.job in id_ or job.job.tenant in id_ for job, _ in of_group)
    assert found == groups_of(pairs), "the same decision has the same groups"


def with_group(*consents: str | None) -> World:
    world = World(places_per_slot=40)
    device = world.registered(DEVICE)
    world.happens(device.model_copy(update={"data": device.data.model_copy(update={"kind": SHARED_KIND})}))
    world.happens(*(accepted(f"j{number:02}", consent=it) for number, it in enumerate(consents)))
    return world


@pytest.mark.parametrize("count", [3, 30], ids=["one by one", "in one batch"])
def test_placements_have_their_group_and_the_decision_is_the_same_without(count: int) -> None:
    sharing, alone = with_group(*["tenant"] * count).cycle(), with_group(*[None] * count).cycle()
    assert len(sharing) == count
    assert all(it.data.group is not None for it in sharing)
    assert all(it.data.group is None for it in alone)
    bare = [it.data.model_copy(update={"group": None}) for it in sharing]
    assert sorted(bare, key=lambda it: it.job) == sorted((it.data for it in alone), key=lambda it: it.job)


def test_a_state_that_was_stored_has_the_consent_of_its_jobs() -> None:
    world = with_group("tenant", None)
    frozen = FrozenState.decode(world.state.freeze().encode())
    assert sorted(str(it.shared_device) for it in frozen.waiting) == ["None", "tenant"]


def test_an_explanation_has_the_number_of_the_group_and_no_other_job() -> None:
    world = with_group("tenant", "tenant", "tenant")
    world.cycle()
    world.fold()
    (row,) = asyncio.run(ExplainJob(world.log, world.decisions)("acme", Question(job="j01"))).rows
    assert row["together"] == 3
    assert "j00" not in str(row)


@pytest.mark.parametrize(("circuits", "received_us"), [(None, 4_000_000), (4, 1_000_000)])
def test_a_job_received_its_part_of_the_time_of_a_run(circuits: int | None, received_us: int) -> None:
    world = with_group("tenant")
    (event,) = world.cycle()
    world.fold()
    world.happens(world.started("j00", backend=event.data.backend))
    world.clock.advance(4)
    end = world.completed("j00", backend=event.data.backend)
    shared = None if circuits is None else SharedRun(run="r", circuits=circuits, region=(1, 2))
    world.happens(end.model_copy(update={"data": end.data.model_copy(update={"shared": shared})}))
    (tenant,) = world.state.freeze().tenants
    assert tenant.served.us == received_us
