"""The service over a log in memory: real days of ibm_perth, planted faults, probes, and orders of a person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from queuebit_contracts.alerts import AlertFired, AlertResolved, Firing, Resolution
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.calendar import (
    BackendWindowCancelled,
    BackendWindowPlanned,
    WindowCancellation,
    WindowsAnswer,
    WindowsRequest,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.fleet import (
    BackendDegraded,
    BackendIsolated,
    BackendReadmitted,
    FleetRequest,
    IsolationAnswer,
    IsolationRequest,
    ManualOrder,
)
from queuebit_contracts.job import Failure, JobFailed, Usage
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.wire import Payload, Reason
from queuebit_fleet.handlers import ObeyOperator, WatchFleet
from queuebit_fleet.planning import PlanCalibrations
from queuebit_fleet.policy import row
from queuebit_fleet.state import Fleet
from queuebit_isolation import FleetDocument
from queuebit_kernel import FixedClock, Unavailable, digest
from queuebit_testing.memory import MemoryLog

THEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
PERTH = ((0, 1), (1, 2), (1, 3), (3, 5), (4, 5), (5, 6))
"""The couplers of the device."""
A1 = "a" * 16


class World:
    """A log, the state folded from it, and a scheduler that appends what it is asked for."""

    def __init__(self, document: FleetDocument | None = None, log: MemoryLog | None = None) -> None:
        self.clock = FixedClock(THEN)
        self.log = log or MemoryLog()
        self.fleet = Fleet(document or FleetDocument())
        self.down = False
        self.calls: list[WindowsRequest] = []
        plan = PlanCalibrations(self.log, self, self.clock)
        self.watch = WatchFleet(self.fleet, self.log, self, self, plan, self.clock, 1)
        self.order = ObeyOperator(self.fleet, self, self.clock)
        self._folded = 0

    async def ask(self, request: IsolationRequest) -> IsolationAnswer:
        if self.down:
            raise Unavailable("no answer")
        event: AnyEvent
        if request.isolate is not None:
            event = BackendIsolated(source="qb/scheduler", data=request.isolate)
        else:
            assert request.readmit is not None
            event = BackendReadmitted(source="qb/scheduler", data=request.readmit)
        return IsolationAnswer(sequence=await self.log.append(event))

    async def plan(self, request: WindowsRequest) -> WindowsAnswer:
        """A broker whose rules are those of `test_broker_reservations`: only its facts are here."""
        if self.down:
            raise Unavailable("no answer")
        self.calls.append(request)
        calendar, source = self.fleet.of(request.backend).calendar, "qb/broker"
        for it in request.planned:
            if any(one.overlaps(it.starts_at, it.ends_at) for one in calendar.taken()):
                return WindowsAnswer(errors=(Reason(code="window_over_reservation", text="it overlaps"),))
            await self.log.append(BackendWindowPlanned(source=source, data=it))
        if request.cancelled is not None:
            now = self.clock.now()
            data = WindowCancellation(
                backend=request.backend, window=request.cancelled, cancelled_at=now, by=request.by
            )
            await self.log.append(BackendWindowCancelled(source=source, data=data))
        return WindowsAnswer()

    async def get(self, tenant: str, payload: Payload, *, limit: int = 0) -> bytes:
        assert payload.inline is not None
        return payload.inline.encode()

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        raise NotImplementedError("it stores nothing")

    store = put

    def happens(self, *events: AnyEvent) -> None:
        """Append, fold and look, until nothing follows."""

        async def append() -> None:
            for event in events:
                await self.log.append(event)
            while len(self.log.stored) > self._folded:
                for stored in self.log.stored[self._folded :]:
                    self.fleet.take(replace(stored, stored_at=self.clock.now()))
                self._folded = len(self.log.stored)
                await self.watch.look()

        asyncio.run(append())

    def later(self, **time: float) -> None:
        """Let time pass, and look."""
        self.clock.advance(timedelta(**time).total_seconds())

        asyncio.run(self.watch.look())
        self.happens()

    @property
    def state(self) -> str:
        return row(self.fleet.of("perth")).state


def calibrated(at: datetime, **errors: float | None) -> BackendCalibrated:
    """A calibration; `cx_3_5=1.0` and `ro_2=0.5` plant errors."""
    snapshot = {
        "qubits": [{"readout_error": errors.get(f"ro_{it}", 0.02)} for it in range(7)],
        "couplers": [{"qubits": [a, b], "error": errors.get(f"cx_{a}_{b}", 0.01)} for a, b in PERTH],
    }
    content = orjson.dumps(snapshot)
    inline = Payload(digest=digest(content), size=len(content), media_type="application/json", inline=content.decode())
    data = Calibration(backend="perth", calibrated_at=at, snapshot=inline, digest=digest(content))
    return BackendCalibrated(source="qb/executor", data=data)


def judged(state: str, run: str) -> ProbeJudged:
    data = ProbeFinding(
        backend="perth", run=run, probe="mirror", kind="reference", slot=1, state=state, text="t", circuit="mirror",
        floor_ppm=700_000,
    )  # fmt: skip
    return ProbeJudged(source="qb/prober", data=data)


def failed(job: str, code: str = "vendor_failed", tenant: str = "acme") -> JobFailed:
    times = dict.fromkeys(("submitted_at", "accepted_at", "placed_at", "started_at"), THEN)
    reason = Reason(code=code, text="t")
    data = Failure(tenant=tenant, job=job, backend="perth", attempt=1, reason=reason, usage=Usage(), **times)
    return JobFailed(source="qb/executor", data=data)


@pytest.fixture
def world() -> World:
    return World()


def test_a_dead_coupler_is_taken_out_and_the_backend_stays(world: World) -> None:
    world.happens(calibrated(THEN, cx_0_1=1.0))
    [fact] = world.log.events(BackendDegraded)
    assert (fact.data.qubits, fact.data.couplers, fact.data.by) == ((), ((0, 1),), "fleet")
    assert [(it.element, it.value, it.limit) for it in fact.data.evidence] == [("0-1", "1", "0.1")]
    assert (world.state, world.log.events(BackendIsolated)) == ("degraded", [])


def test_a_coupler_returns_after_two_good_calibrations(world: World) -> None:
    for day, error in enumerate([1.0, 0.01, 0.01]):
        world.happens(calibrated(THEN + timedelta(days=day), cx_0_1=error))
    assert [it.data.couplers for it in world.log.events(BackendDegraded)] == [((0, 1),), ()]
    assert world.state == "in_service"


def test_a_backend_that_is_cut_apart_is_isolated_with_its_evidence(world: World) -> None:
    event = calibrated(THEN, cx_1_3=1.0, cx_4_5=1.0, cx_5_6=None)
    world.happens(event)
    [fact] = world.log.events(BackendIsolated)
    assert fact.data.reason.code == "elements"
    assert [it.element for it in fact.data.evidence] == [None, "1-3", "4-5", "5-6"]
    assert {it.event for it in fact.data.evidence} == {event.id}
    assert world.state == "isolated"


def test_it_returns_when_the_calibration_is_good_its_time_is_over_and_a_probe_passed(world: World) -> None:
    world.happens(judged("passed", "r0"), calibrated(THEN, cx_1_3=1.0, cx_4_5=1.0, cx_5_6=None))
    for day in (1, 2):
        world.later(days=1)
        world.happens(calibrated(THEN + timedelta(days=day)))
    assert world.state == "isolated", "the probe passed before the isolation"
    world.happens(judged("below", "r1"))
    assert world.state == "isolated"
    world.happens(judged("passed", "r2"))
    [fact] = world.log.events(BackendReadmitted)
    assert (fact.data.reason.code, fact.data.evidence[0].event) == ("probe", world.log.events(ProbeJudged)[-1].id)


def test_it_returns_by_its_calibration_where_no_probe_runs(world: World) -> None:
    world.happens(calibrated(THEN, cx_1_3=1.0, cx_4_5=1.0, cx_5_6=None))
    world.happens(calibrated(THEN + timedelta(days=1)), calibrated(THEN + timedelta(days=2)))
    assert world.state == "isolated", "its time is not over"
    world.later(seconds=901)
    assert world.state == "in_service"


def test_a_calibration_that_does_not_come_isolates_and_the_next_one_readmits(world: World) -> None:
    for day in range(4):
        world.happens(calibrated(THEN + timedelta(days=day)))
    world.later(days=3 + 4.9)
    assert world.state == "in_service"
    world.later(days=0.2)
    [fact] = world.log.events(BackendIsolated)
    assert (fact.data.reason.code, fact.data.evidence[0].measure) == ("overdue", "calibration_age_s")
    world.happens(calibrated(world.clock.now()))
    world.later(hours=1)
    assert world.state == "in_service"


def test_failures_by_the_fault_of_the_backend_isolate_it_and_others_do_not(world: World) -> None:
    world.happens(BackendRegistered(source="qb/executor", data=_registration()))
    for number in range(8):
        assert not world.fleet.ended(failed(f"u{number}", "bad_program"), THEN)
    assert [world.fleet.ended(failed(f"j{number}"), THEN) for number in range(4)] == [False] * 3 + [True]
    world.later(seconds=0)
    assert world.log.events(BackendIsolated)[0].data.reason.code == "failures"
    world.later(seconds=901)
    assert world.state == "in_service", "no probe runs there: it gets another chance, after a longer time each time"


def test_a_device_that_its_vendor_calls_other_than_active_is_isolated_until_it_is(world: World) -> None:
    for status in ("active", "internal", "internal"):
        world.happens(BackendRegistered(source="qb/executor", data=_registration(status)))
    [fact] = world.log.events(BackendIsolated)
    assert (fact.data.reason.code, fact.data.evidence[0].measure) == ("vendor_status", "vendor_status")
    assert fact.data.reason.text == "ibm says that perth is internal, and not active"
    world.later(hours=1)
    assert world.state == "isolated"
    world.happens(BackendRegistered(source="qb/executor", data=_registration("active")))
    assert world.state == "in_service"


def test_two_bad_runs_of_a_probe_isolate_and_one_does_not(world: World) -> None:
    world.happens(judged("below", "r1"), judged("unclear", "r2"))
    assert world.state == "in_service"
    world.happens(judged("below", "r3"))
    assert world.log.events(BackendIsolated)[0].data.reason.code == "probe"


def test_drift_isolates_until_its_alert_ends(world: World) -> None:
    labels = {"alertname": "Drift", "measure": "quality", "backend": "perth"}
    alert = Firing(alert=A1, number=1, labels=labels, starts_at=THEN)
    world.happens(AlertFired(source="qb/alerting", data=alert))
    assert world.log.events(BackendIsolated)[0].data.reason.code == "drift"
    world.later(hours=1)
    assert world.state == "isolated"
    ended = Resolution(alert=A1, number=1, labels=labels, starts_at=THEN, ended_at=THEN)
    world.happens(AlertResolved(source="qb/alerting", data=ended))
    assert world.state == "in_service"


def test_a_person_isolates_and_only_a_person_readmits(world: World) -> None:
    world.happens(calibrated(THEN))

    def order(**what: str) -> FleetRequest:
        return FleetRequest.model_validate(
            {it: ManualOrder(backend=backend, reason="service", by="ada") for it, backend in what.items()}
        )

    answer = asyncio.run(world.order(order(isolate="perth")))
    world.happens()
    assert (answer.sequence, world.state) == (2, "isolated")
    world.later(days=30)
    world.happens(judged("passed", "r1"))
    assert world.state == "isolated"
    asyncio.run(world.order(order(readmit="perth")))
    world.happens()
    assert world.log.events(BackendReadmitted)[0].data.by == "operator: ada"
    assert asyncio.run(world.order(order(readmit="perth"))).errors[0].code == "not_isolated"
    assert asyncio.run(world.order(order(isolate="nowhere"))).errors[0].code == "unknown_backend"
    assert asyncio.run(world.order(order(isolate="perth", readmit="perth"))).errors[0].code == "bad_request"
    assert [it.backend for it in asyncio.run(world.order(FleetRequest())).rows] == ["perth"]


def test_a_scheduler_that_does_not_answer_is_asked_again(world: World) -> None:
    world.down = True
    world.happens(calibrated(THEN, cx_1_3=1.0, cx_4_5=1.0, cx_5_6=None))
    assert (world.state, world.watch.trouble) == ("in_service", "perth: no answer")
    world.down = False
    world.later(seconds=5)
    assert (world.state, world.watch.trouble) == ("isolated", "")


def test_nothing_is_changed_by_rule_where_the_document_says_so() -> None:
    world = World(FleetDocument(backend={"per*": {"isolate": False}}))
    world.happens(calibrated(THEN, cx_1_3=1.0, cx_4_5=1.0, cx_5_6=None))
    assert len(world.log.stored) == 1


def test_a_process_that_starts_later_finds_the_same(world: World) -> None:
    world.happens(calibrated(THEN, cx_0_1=1.0), calibrated(THEN + timedelta(days=1)))
    again = World(log=world.log)
    again.happens()
    assert again.fleet.of("perth").elements == world.fleet.of("perth").elements
    assert len(world.log.events(BackendDegraded)) == 1, "nothing is said again"


def _registration(status: str | None = None) -> Registration:
    about = {"backend": "perth", "stack": "ibm", "vendor": "ibm", "kind": "qpu"}
    return Registration(**about, qubits=7, max_shots=1000, status=status)
