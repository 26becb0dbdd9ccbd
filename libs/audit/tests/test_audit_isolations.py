"""I7: no placement on an isolated backend; one that is added to a good record is found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queuebit_audit.isolations import isolation_holds
from queuebit_audit.messages import fact_of
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.fleet import PROBES, BackendIsolated, BackendReadmitted, Isolation, Readmission
from queuebit_contracts.job import JobPlaced, Placement
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest
from queuebit_runtime.log import Stored
from queuebit_testing.build import NOON

from .without_proofs import NoProofs

WHY = Reason(code="elements", text="too little is left")


def placed(job: str, backend: str, tenant: str = "acme") -> JobPlaced:
    data = Placement(
        tenant=tenant,
        project="main",
        job=job,
        backend=backend,
        shots=1000,
        circuit=digest(b"circuit"),
        seed=7,
        qpu_us=1_000_000,
        policy="p",
        snapshot=digest(b"{}"),
        decision=Payload(digest=digest(b"{}"), size=2, media_type="application/json", inline="{}"),
        scores=(),
        submitted_at=NOON,
        accepted_at=NOON,
    )
    return JobPlaced(source="qb/scheduler", data=data)


ISOLATED = BackendIsolated(source="qb/scheduler", data=Isolation(backend="torino", since=NOON, reason=WHY, by="fleet"))
AGAIN = BackendIsolated(
    source="qb/scheduler", data=Isolation(backend="torino", since=NOON, reason=WHY, by="operator: ada")
)
READMITTED = BackendReadmitted(
    source="qb/scheduler",
    data=Readmission(backend="torino", isolated_since=NOON, at=NOON, reason=WHY, by="fleet"),
)
GOOD: list[AnyEvent] = [
    placed("j1", "torino"),
    ISOLATED,
    placed("j1", "aer"),
    placed("p1", "torino", PROBES),
    READMITTED,
    placed("j2", "torino"),
]


def verdict(events: list[AnyEvent]) -> Verdict:
    history = History()
    for sequence, event in enumerate(events, start=1):
        at = NOON + timedelta(milliseconds=sequence)
        history.evolve(fact_of(Stored(event, subject_of(event), sequence, at), NoProofs()))
    return isolation_holds(history)


def test_a_good_record_holds() -> None:
    found = verdict(GOOD)
    assert (found.invariant, found.holds, found.checked) == ("I7", True, 4)
    assert found.notes == ["backends were isolated 1 times"]


@pytest.mark.parametrize("at", [2, 3, 4])
def test_a_placement_between_isolation_and_readmission_is_found(at: int) -> None:
    found = verdict([*GOOD[:at], placed("j9", "torino"), *GOOD[at:]])
    assert [(it.subject, it.text) for it in found.findings] == [
        ("acme/j9", f"sequence {at + 1} places it on torino, which is isolated since sequence 2")
    ]


def test_a_placement_that_is_moved_behind_the_isolation_is_found() -> None:
    assert not verdict([ISOLATED, placed("j1", "torino")]).holds


def test_an_isolation_by_a_person_on_top_ends_with_one_readmission() -> None:
    assert verdict([ISOLATED, AGAIN, READMITTED, placed("j1", "torino")]).holds
    assert not verdict([ISOLATED, READMITTED, AGAIN, placed("j1", "torino")]).holds
