"""Limits hold until the run: a recalibration takes candidates away, and a job that cannot be in time ends."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from queuebit_contracts.backend import BackendCalibrated, BackendInterrupted, Calibration, Interruption
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted, Isolation, Readmission
from queuebit_contracts.job import JobAccepted, JobExpired, JobLimits, JobPlaced, JobWithdrawn
from queuebit_contracts.leader import Leader, LeaderElected
from queuebit_contracts.query import Question
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale
from queuebit_planning.fidelity import OPERATIONS, Operation, write_errors, write_operations
from queuebit_runtime.log import Stored
from queuebit_runtime.payloads import describe
from queuebit_scheduler.expiring import ExpireJobs
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.state import State
from queuebit_scheduler.withdrawing import WithdrawJobs
from queuebit_testing.memory import MemoryPayloads

from .conftest import THEN, World, with_fallback

CX = describe(write_operations([Operation("cx", (0, 1), 1)]), OPERATIONS)


def demanding(event: JobAccepted, deadline: datetime | None = None, **esp_ppm: int) -> JobAccepted:
    """The acceptance with a minimum fidelity of 0.9 for what has a success probability here, and with a deadline."""
    candidates = tuple(
        it.model_copy(update={"esp_ppm": esp_ppm.get(it.backend), "operations": CX}) for it in event.data.candidates
    )
    limits = JobLimits(min_esp_ppm=900_000 if esp_ppm else None, deadline=deadline)
    return event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates, "limits": limits})})


class Recalibration:
    """Rescores the jobs of a world."""

    def __init__(self, world: World) -> None:
        self.payloads = MemoryPayloads()
        self.rescoring = RescoreJobs(self.payloads, world.state.rescore, lambda: None)

    def accepts(self, event: JobAccepted) -> JobAccepted:
        self.rescoring.evolve(event)
        return event

    def __call__(self, backend: str, cx_error: float) -> None:
        content = json.dumps({"backend": backend, "errors": write_errors({("cx", (0, 1)): cx_error})}).encode()
        kept = self.payloads.keep(PLATFORM, content)
        data = Calibration(backend=backend, calibrated_at=THEN, snapshot=kept, digest=kept.digest)
        self.rescoring.evolve(BackendCalibrated(source="qb/test", data=data))
        asyncio.run(self.rescoring.rescore())


@pytest.fixture
def recalibrate(world: World) -> Recalibration:
    return Recalibration(world)


def placed(world: World) -> list[str]:
    return [it.data.backend for it in world.cycle()]


def test_a_candidate_goes_while_its_fidelity_is_too_low_and_comes_back(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("perth"))
    accepted = demanding(world.accepted("j1", backends=("manila", "perth")), manila=990_000, perth=940_000)
    world.happens(recalibrate.accepts(accepted))
    recalibrate("manila", cx_error=0.2)
    assert [it.backend for it in world.state.job(("acme", "j1")).job.candidates] == ["perth"]
    recalibrate("perth", cx_error=0.2)
    assert placed(world) == []
    (row,) = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert "has the fidelity that it demands" in str(row["reason"])
    frozen = FrozenState.decode(world.state.freeze().encode())
    again = State(8)
    again.restore(frozen)
    assert again.job(("acme", "j1")) == world.state.job(("acme", "j1"))
    recalibrate("manila", cx_error=0.01)
    assert placed(world) == ["manila"]


def test_a_job_that_waits_at_a_backend_that_falls_short_is_placed_on_another(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("perth"))
    accepted = demanding(world.accepted("j1", backends=("manila", "perth")), manila=990_000, perth=940_000)
    world.happens(recalibrate.accepts(accepted))
    (first,) = placed(world)
    world.fold()
    recalibrate(first, cx_error=0.2)
    assert placed(world) == [{"manila": "perth", "perth": "manila"}[first]]


def test_a_calibration_during_the_append_of_a_placement_counts_when_the_view_shows_it(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("perth"))
    accepted = demanding(world.accepted("j1", backends=("manila", "perth")), manila=990_000, perth=940_000)
    world.happens(recalibrate.accepts(accepted))
    (first,) = placed(world)
    recalibrate(first, cx_error=0.2)  # the view has not shown the placement yet
    assert world.cycle() == []
    world.fold()
    assert placed(world) == [{"manila": "perth", "perth": "manila"}[first]]


def test_a_job_that_has_started_is_left_alone(world: World, recalibrate: Recalibration) -> None:
    world.happens(world.registered("manila"), world.registered("perth"))
    accepted = demanding(world.accepted("j1", backends=("manila", "perth")), manila=990_000, perth=940_000)
    world.happens(recalibrate.accepts(accepted))
    (first,) = placed(world)
    world.fold()
    world.happens(world.started("j1", backend=first))
    recalibrate(first, cx_error=0.2)
    assert world.state.outstanding == 1
    assert world.cycle() == []


def test_a_fallback_does_not_stand_in_for_a_backend_with_too_low_a_fidelity(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("aer"))
    accepted = demanding(with_fallback(world.accepted("j1", backends=("manila",)), "aer"), manila=990_000)
    world.happens(recalibrate.accepts(accepted))
    recalibrate("manila", cx_error=0.2)
    assert placed(world) == [], "it would run there without a label, and manila is in service"
    (row,) = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert "manila has 0.8" in str(row["reason"])
    again = State(8)
    again.restore(FrozenState.decode(world.state.freeze().encode()))
    assert again.job(("acme", "j1")) == world.state.job(("acme", "j1"))
    recalibrate("manila", cx_error=0.01)
    assert placed(world) == ["manila"]


def test_a_job_that_runs_on_its_fallback_stays_there_when_its_own_backend_is_calibrated(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("aer"))
    accepted = demanding(with_fallback(world.accepted("j1", backends=("manila",)), "aer"), manila=990_000)
    world.happens(recalibrate.accepts(accepted))
    reason = Reason(code="operator", text="t")
    isolation = Isolation(backend="manila", since=THEN, reason=reason, by="operator: ada")
    world.happens(BackendIsolated(source="qb/scheduler", data=isolation))
    (place,) = world.cycle()
    assert (place.data.backend, place.data.fallback is not None) == ("aer", True)
    world.fold()
    recalibrate("manila", cx_error=0.2)
    assert Withdrawing(world)() == []
    assert world.state.outstanding == 1


class Withdrawing:
    """The withdrawals of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.withdraw = WithdrawJobs(world.state, world.log, world.clock, lambda: world.term is not None)

    def __call__(self) -> list[JobWithdrawn]:
        before = len(self.world.log.stored)
        asyncio.run(self.withdraw.withdraw())
        self.world.fold()
        return [it.event for it in self.world.log.stored[before:] if isinstance(it.event, JobWithdrawn)]


def isolated(backend: str) -> BackendIsolated:
    isolation = Isolation(backend=backend, since=THEN, reason=Reason(code="elements", text="t"), by="fleet")
    return BackendIsolated(source="qb/scheduler", data=isolation)


def readmitted(backend: str) -> BackendReadmitted:
    reason = Reason(code="no_finding", text="t")
    data = Readmission(backend=backend, isolated_since=THEN, at=THEN, reason=reason, by="fleet")
    return BackendReadmitted(source="qb/scheduler", data=data)


def interrupted(backend: str) -> BackendInterrupted:
    return BackendInterrupted(
        source="qb/scheduler", data=Interruption(backend=backend, since=THEN, reason=Reason(code="no_answer", text="t"))
    )


@pytest.mark.parametrize(
    ("below", "out", "stands_in_for"),
    [
        pytest.param("manila perth", isolated("manila"), ("manila",), id="below, and one of them is isolated"),
        pytest.param("manila perth", interrupted("manila"), ("manila",), id="below, and one of them does not answer"),
        pytest.param("perth", isolated("manila"), ("manila",), id="one is isolated, the other one is below"),
        pytest.param("manila", isolated("manila"), None, id="the other one has what it demands"),
        pytest.param("manila perth", isolated("aer"), None, id="the fallback itself is isolated"),
        pytest.param("manila perth aer", isolated("manila"), None, id="the fallback has too little, too"),
    ],
)
@pytest.mark.parametrize("first", ["calibration", "outage"])
def test_a_fallback_stands_in_for_a_backend_that_is_out_while_no_other_has_what_the_job_demands(
    world: World,
    recalibrate: Recalibration,
    below: str,
    out: AnyEvent,
    stands_in_for: tuple[str, ...] | None,
    first: str,
) -> None:
    world.happens(*map(world.registered, ("manila", "perth", "aer")))
    own = world.accepted("j1", backends=("manila", "perth"))
    world.happens(recalibrate.accepts(demanding(with_fallback(own, "aer"), manila=990_000, perth=940_000)))
    if first == "outage":
        world.happens(out)
    for backend in below.split():
        if backend == "aer":
            world.state.rescore(("acme", "j1"), "aer", 800_000)
        else:
            recalibrate(backend, cx_error=0.2)
    if first == "calibration":
        world.happens(out)
    again = State(8)
    again.restore(FrozenState.decode(world.state.freeze().encode()))
    assert again.job(("acme", "j1")) == world.state.job(("acme", "j1"))
    places = [(it.data.backend, it.data.fallback and it.data.fallback.instead_of) for it in world.cycle()]
    usual = [("perth", None)] if below == "manila" else []
    assert places == ([("aer", stands_in_for)] if stands_in_for else usual)


def test_a_fallback_ends_when_the_backend_is_readmitted_and_still_has_too_little(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("aer"))
    accepted = demanding(with_fallback(world.accepted("j1", backends=("manila",)), "aer", after_s=60), manila=990_000)
    world.happens(recalibrate.accepts(accepted))
    recalibrate("manila", cx_error=0.2)
    world.happens(isolated("manila"))
    assert placed(world) == [], "its project waits for a minute"
    world.happens(readmitted("manila"))
    world.clock.advance(61)
    assert placed(world) == []
    world.happens(isolated("manila"))
    assert placed(world) == ["aer"]


def test_a_job_that_was_withdrawn_falls_back_when_its_backend_is_isolated(
    world: World, recalibrate: Recalibration
) -> None:
    world.happens(world.registered("manila"), world.registered("aer"))
    accepted = demanding(with_fallback(world.accepted("j1", backends=("manila",)), "aer"), manila=990_000)
    world.happens(recalibrate.accepts(accepted))
    assert placed(world) == ["manila"]
    world.fold()
    recalibrate("manila", cx_error=0.2)
    assert len(Withdrawing(world)()) == 1
    world.happens(isolated("manila"))
    (place,) = world.cycle()
    assert (place.data.backend, place.data.fallback is not None) == ("aer", True)


@pytest.fixture
def withdrawing(world: World, recalibrate: Recalibration) -> Withdrawing:
    """A job that demands 0.9 is placed on the one backend that it may use."""
    world.happens(world.registered("manila"))
    world.happens(recalibrate.accepts(demanding(world.accepted("j1", backends=("manila",)), manila=990_000)))
    assert placed(world) == ["manila"]
    world.fold()
    return Withdrawing(world)


def test_a_job_leaves_its_last_backend_when_a_calibration_takes_it_below_the_limit(
    world: World, recalibrate: Recalibration, withdrawing: Withdrawing
) -> None:
    assert withdrawing() == []
    recalibrate("manila", cx_error=0.2)
    (fact,) = withdrawing()
    assert (fact.data.job, fact.data.backend, fact.data.reason.code) == ("j1", "manila", "below_fidelity")
    assert "manila has a fidelity of 0.8, and the job demands 0.9" in fact.data.reason.text
    assert (world.state.waiting, world.state.outstanding) == (1, 0)
    assert (placed(world), withdrawing()) == ([], [])
    (row,) = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    assert "waits for a better calibration" in str(row["reason"])
    again = State(8)
    world.fold(again)
    assert again.job(("acme", "j1")).after == world.state.job(("acme", "j1")).after, "a restart knows the same"
    recalibrate("manila", cx_error=0.01)
    assert placed(world) == ["manila"], "a better calibration brings it back"
    world.fold()
    world.happens(world.started("j1", backend="manila"))
    assert world.state.outstanding == 1


def test_a_start_that_the_view_has_not_shown_excludes_a_withdrawal(
    world: World, recalibrate: Recalibration, withdrawing: Withdrawing
) -> None:
    asyncio.run(world.log.append(world.started("j1", backend="manila")))
    recalibrate("manila", cx_error=0.2)
    assert withdrawing() == []
    assert world.state.outstanding == 1


def test_a_withdrawal_excludes_a_start(world: World, recalibrate: Recalibration, withdrawing: Withdrawing) -> None:
    placement = world.log.stored[-1].sequence
    recalibrate("manila", cx_error=0.2)
    assert len(withdrawing()) == 1
    with pytest.raises(Stale):
        asyncio.run(world.log.append(world.started("j1", backend="manila"), after=placement, guard=world.guard("j1")))


def test_a_job_is_withdrawn_once_by_two_schedulers_and_only_by_the_leader(
    world: World, recalibrate: Recalibration, withdrawing: Withdrawing
) -> None:
    other = State(8)
    world.fold(other)
    recalibrate("manila", cx_error=0.2)
    other.rescore(("acme", "j1"), "manila", 800_000)
    world.term = None
    assert withdrawing() == []
    world.term = 2
    assert len(withdrawing()) == 1
    asyncio.run(WithdrawJobs(other, world.log, world.clock, lambda: True).withdraw())
    assert len([it for it in world.log.stored if isinstance(it.event, JobWithdrawn)]) == 1


def test_a_repeated_submission_does_not_keep_a_job_below_its_limit(
    world: World, recalibrate: Recalibration, withdrawing: Withdrawing
) -> None:
    repeated = world.log.stored[1].event
    assert isinstance(repeated, JobAccepted)
    asyncio.run(world.log.append(repeated.model_copy(update={"id": "again"})))
    recalibrate("manila", cx_error=0.2)
    assert len(withdrawing()) == 1


def test_a_job_that_was_withdrawn_ends_at_its_deadline(world: World, recalibrate: Recalibration) -> None:
    expiring, withdrawing = Expiring(world), Withdrawing(world)
    world.happens(world.registered("manila"))
    accepted = demanding(world.accepted("j1", backends=("manila",)), THEN + timedelta(seconds=10), manila=990_000)
    world.happens(recalibrate.accepts(accepted))
    assert placed(world) == ["manila"]
    world.fold()
    recalibrate("manila", cx_error=0.2)
    assert len(withdrawing()) == 1
    world.clock.advance(11)
    (ended,) = expiring()
    assert "none has the fidelity that it demands" in ended.data.reason.text


class Expiring:
    """The deadlines of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.leads = True
        self.expire = ExpireJobs(world.state, world.log, world.clock, lambda: self.leads)

    def __call__(self) -> list[JobExpired]:
        before = len(self.world.log.stored)
        asyncio.run(self.expire.expire())
        self.world.fold()
        return [it.event for it in self.world.log.stored[before:] if isinstance(it.event, JobExpired)]


@pytest.fixture
def expiring(world: World) -> Expiring:
    return Expiring(world)


def until(world: World, seconds: float, job: str = "j1", *, qpu_us: int = 2_000_000) -> JobAccepted:
    return demanding(world.accepted(job, qpu_us=qpu_us), THEN + timedelta(seconds=seconds))


def test_a_job_ends_when_a_run_that_began_now_would_end_too_late(world: World, expiring: Expiring) -> None:
    world.happens(until(world, 10), world.accepted("j2"))  # its backend has not registered
    world.clock.advance(8)
    assert expiring() == []
    world.clock.advance(0.001)
    (ended,) = expiring()
    assert (ended.data.job, ended.data.project, ended.data.reason.code) == ("j1", "main", "deadline_missed")
    assert ended.data.deadline == THEN + timedelta(seconds=10)
    assert "takes about 2 s: no backend had a place in time" in ended.data.reason.text
    assert expiring() == []
    assert world.state.waiting == 1


def test_what_was_observed_of_runs_counts_and_not_only_what_was_promised(world: World, expiring: Expiring) -> None:
    world.happens(world.registered("aer"), world.accepted("j0"))
    world.run(world.cycle()[0], seconds=6)
    world.happens(demanding(world.accepted("j1"), THEN + timedelta(seconds=11)))
    assert [it.data.job for it in expiring()] == ["j1"], "6 s were observed, and 5 are left"


def test_a_placed_job_expires_and_one_that_started_does_not(world: World, expiring: Expiring) -> None:
    world.happens(world.registered("aer", slots=2), until(world, 10, "j1"), until(world, 10, "j2"))
    assert len(world.cycle()) == 2
    world.clock.advance(60)
    assert expiring() == [], "the view has not shown the placements"
    world.fold()
    world.happens(world.started("j2"))
    (ended,) = expiring()
    assert ended.data.job == "j1"
    assert "it was placed on aer and did not start in time" in ended.data.reason.text
    assert world.state.outstanding == 1


def test_a_start_that_the_view_has_not_shown_excludes_the_end(world: World, expiring: Expiring) -> None:
    world.happens(world.registered("aer"), until(world, 10))
    world.cycle()
    world.fold()
    world.clock.advance(60)
    asyncio.run(world.log.append(world.started("j1")))
    assert expiring() == []


def test_a_repeated_submission_does_not_keep_a_job_from_expiring(world: World, expiring: Expiring) -> None:
    accepted = until(world, 1)
    world.happens(accepted)
    asyncio.run(world.log.append(accepted.model_copy(update={"id": "again"})))
    world.clock.advance(5)
    assert [it.data.job for it in expiring()] == ["j1"]


def test_two_schedulers_end_a_job_once_and_only_the_leader_ends_any(world: World, expiring: Expiring) -> None:
    world.happens(until(world, 1))
    world.clock.advance(5)
    expiring.leads = False
    assert expiring() == []
    expiring.leads = True
    other = State(8)
    world.fold(other)
    assert len(expiring()) == 1
    asyncio.run(ExpireJobs(other, world.log, world.clock, lambda: True).expire())
    assert len([it for it in world.log.stored if isinstance(it.event, JobExpired)]) == 1


def elected(at: datetime) -> AnyEvent:
    data = Leader(service="scheduler", term=1, process="p")
    return LeaderElected(source="qb/scheduler", time=at, data=data)


@pytest.mark.parametrize(
    ("ahead_s", "expected"),
    [
        pytest.param(600, [], id="a clock that is ten minutes ahead ends nothing early"),
        pytest.param(0, [], id="nor does a right one"),
        pytest.param(-600, [], id="nor one that is behind"),
    ],
)
def test_the_clock_of_the_log_counts(world: World, expiring: Expiring, ahead_s: float, expected: list[str]) -> None:
    world.happens(until(world, 30))
    stored_at = THEN + timedelta(seconds=5)
    world.clock.advance(5 + ahead_s)
    expiring.expire.evolve(Stored(elected(world.clock.now()), "qb.leader.scheduler.elected", 9, stored_at))
    assert [it.data.job for it in expiring()] == expected
    world.clock.advance(25)
    assert [it.data.job for it in expiring()] == ["j1"]


def test_a_deadline_survives_a_restart(world: World, expiring: Expiring) -> None:
    world.happens(until(world, 1))
    restarted = State(8)
    restarted.restore(FrozenState.decode(world.state.freeze().encode()))
    world.clock.advance(5)
    assert [it.accepted.job.job for it in restarted.overdue(world.clock.now())] == ["j1"]
    del expiring


def test_an_end_is_not_placed_behind(world: World, expiring: Expiring) -> None:
    world.happens(world.registered("aer"), until(world, 1))
    stale = world.snapshot()
    world.clock.advance(5)
    expiring()
    del stale
    assert not isinstance(world.log.stored[-1].event, JobPlaced)
    with pytest.raises(Stale):
        asyncio.run(world.log.append(world.started("j1"), after=1, guard=world.guard("j1")))
