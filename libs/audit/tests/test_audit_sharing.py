"""Devices that several jobs shared: every breach of consent, and every wrong share, is found in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from queuebit_audit.messages import fact_of
from queuebit_audit.state import History
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Compilation,
    Completion,
    JobCompleted,
    JobPlaced,
    Placement,
    SharedRun,
    Usage,
)
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenant import ProjectDefined, ProjectDefinition
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_runtime.log import Stored
from queuebit_testing.build import NOON, accepted, submitted

from .without_proofs import NoProofs

RUN = "0d9f7c52-8f0a-4a6b-9d4c-6f1f5f2b8a10"
TARGET = digest(b"target")


@dataclass(frozen=True)
class Member:
    """A job that was on a device with others, as the log has it."""

    tenant: str
    stated: str | None = "anyone"
    """What its placement says."""
    consent: str | None = "anyone"
    """What its acceptance says."""
    said: str | None = "anyone"
    """What its project says."""
    alone: bool | None = None
    ran_on: str = "torino"
    shots: int = 1000
    circuits: int = 3
    region: tuple[int, ...] = ()
    qpu_us: int = 400_000
    """Of the 1,000,000 that it was quoted."""


@dataclass
class Log:
    members: list[Member]
    events: list[AnyEvent] = field(default_factory=list)

    def history(self, *, ends: bool = True) -> History:
        for number, it in enumerate(self.members):
            self._add(number, it)
        history = History()
        for sequence, event in enumerate(self.events, start=1):
            if isinstance(event, JobCompleted) and not ends:
                continue
            at = NOON + timedelta(milliseconds=sequence)
            history.evolve(fact_of(Stored(event, subject_of(event), sequence, at), NoProofs()))
        return history

    def _add(self, number: int, it: Member) -> None:
        definition = ProjectDefinition(tenant=it.tenant, project="main", shared_device=it.said, by="ada")
        asked = submitted(f"k{number}")
        job = asked.data.job
        asked = asked.model_copy(
            update={"data": asked.data.model_copy(update={"tenant": it.tenant, "alone": it.alone})}
        )
        known = accepted(job, tenant=it.tenant, backend=it.ran_on)
        after = {"shared_device": it.consent, "submission": len(self.events) + 2, "shots": it.shots}
        known = known.model_copy(update={"data": known.data.model_copy(update=after)})
        common = {"tenant": it.tenant, "job": job, "submitted_at": NOON, "accepted_at": NOON}
        placement = Placement(
            project="main",
            backend=it.ran_on,
            shots=it.shots,
            circuit=TARGET,
            seed=7,
            qpu_us=1_000_000,
            policy="p",
            snapshot=TARGET,
            scores=(),
            shared_device=it.stated,
            **common,
        )
        end = Completion(
            backend=it.ran_on,
            attempt=1,
            shots=it.shots,
            result=Payload(digest=TARGET, size=2, media_type="application/json", inline="{}"),
            usage=Usage(shots=it.shots, qpu_us=it.qpu_us, qubits=2),
            compilation=Compilation(compiler="c", digest=TARGET, seed=1, depth=1, two_qubit_gates=1, duration_ns=0),
            placed_at=NOON,
            started_at=NOON,
            shared=SharedRun(run=RUN, circuits=it.circuits, region=it.region or (number * 10, number * 10 + 1)),
            **common,
        )
        self.events += [
            ProjectDefined(source="qb/broker", data=definition),
            asked,
            known,
            JobPlaced(source="qb/scheduler", data=placement),
            JobCompleted(source="qb/executor", data=end),
        ]


GOOD = [Member("acme"), Member("globex"), Member("initech")]


def walls(members: list[Member]) -> list[str]:
    return [text for _, text in Log(members).history().sharing.faults_of_walls(knows_projects=True)]


def shares(members: list[Member]) -> list[str]:
    return [text for _, text in Log(members).history().sharing.faults_of_shares()]


def changed(**changes: object) -> list[Member]:
    return [*GOOD[:2], replace(GOOD[2], **changes)]  # type: ignore[arg-type]  # one field each


def test_a_good_record_holds() -> None:
    assert walls(GOOD) == []
    assert shares(GOOD) == []


def test_circuits_of_one_tenant_need_no_more_than_its_own_consent() -> None:
    assert walls([replace(it, tenant="acme", consent="tenant", stated="tenant", said="tenant") for it in GOOD]) == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        pytest.param(changed(consent=None, said=None), "not both say", id="no consent"),
        pytest.param(changed(consent="tenant", said="tenant"), "not both say 'anyone'", id="not to another tenant"),
        pytest.param(changed(said=None), "which its project never gave", id="the project did not say so"),
        pytest.param(changed(said="tenant"), "which its project never gave", id="the project said less"),
        pytest.param(changed(alone=True), "says that it runs alone", id="the job was to be alone"),
        pytest.param(changed(stated="tenant"), "placed with the consent tenant", id="another placement"),
        pytest.param(changed(ran_on="kyiv"), "different devices or shots", id="a run on two devices"),
        pytest.param(changed(shots=999), "different devices or shots", id="other shots"),
        pytest.param(changed(region=(0, 7)), "the same qubit", id="regions that overlap"),
        pytest.param(changed(circuits=2), "their ends say [2, 3]", id="ends that contradict each other"),
    ],
)
def test_what_breaks_the_walls_is_found(members: list[Member], text: str) -> None:
    assert any(text in it for it in walls(members)), walls(members)


def test_more_than_eight_on_a_device_are_found() -> None:
    assert any("ran at once" in it for it in walls([Member("acme", circuits=8) for _ in range(9)]))


def test_a_job_that_was_placed_to_share_against_its_word_is_found_before_it_runs() -> None:
    log = Log([Member("acme", alone=True)])
    history = log.history(ends=False)
    assert any("says that it runs alone" in it for _, it in history.sharing.faults_of_walls(knows_projects=True))


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        pytest.param(lambda it: it, True, id="equal shares"),
        pytest.param(lambda it: replace(it, qpu_us=400_001), True, id="the largest remainder is rounded up"),
        pytest.param(lambda it: replace(it, qpu_us=400_009), False, id="more than its share"),
        pytest.param(lambda it: replace(it, qpu_us=300_000), False, id="less than its share"),
        pytest.param(lambda it: replace(it, qpu_us=1_000_001), False, id="more than alone"),
    ],
)
def test_each_pays_its_share_and_never_more_than_alone(change: Callable[[Member], Member], holds: bool) -> None:
    assert (shares([*GOOD[:2], change(GOOD[2])]) == []) is holds


def test_of_a_run_with_a_cancelled_job_the_shares_of_the_others_are_less_than_the_whole() -> None:
    assert shares([replace(it, qpu_us=it.qpu_us + number) for number, it in enumerate(GOOD[:2])]) == []
