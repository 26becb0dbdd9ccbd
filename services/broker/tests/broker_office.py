"""A broker's office: two tenants, three backends, a price book, and executors that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypedDict

import pytest

from queuebit_broker.eligibility import Tariff
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.holding import Holding
from queuebit_broker.profiles import Profiles
from queuebit_broker.requests import read_request
from queuebit_broker.reservation_requests import KeepReservations, PlanWindows
from queuebit_broker.screening import Screening
from queuebit_broker.session_requests import KeepSessions
from queuebit_broker.snapshot import Request
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded, Funding
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.command import CancelJob
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import TERMINAL, GateShots, JobRejected, JobSubmitted, Profile
from queuebit_contracts.query import BackendEstimate, CircuitError, ProfileAnswer, ProfileRequest
from queuebit_contracts.session import CloseSession, OpenSession, session_id, signed_part
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import FixedClock, Unavailable, digest, job_id
from queuebit_pricing import parse
from queuebit_protection import ProtectionDocument, Rules
from queuebit_runtime.keys import new_seed, public_key, sign, sign_bytes
from queuebit_testing.memory import MemoryLog, MemoryPayloads

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


SEEDS = {name: new_seed() for name in ("ann", "bob", "boss", "vic", "eve")}


OFFICE = Path(__file__).parent / "office"


BOOK = (OFFICE / "prices.toml").read_text()


TENANTS = (OFFICE / "tenants.toml").read_text().format(**{name: public_key(seed) for name, seed in SEEDS.items()})


GIB = 1 << 30


Ask = Callable[..., Request]
"""Builds the request of a good submission, but for the changes."""


Submit = Callable[..., tuple[JobSubmitted, bytes]]
"""Builds a good submission, but for the changes, with its bytes."""


Backends = list[BackendRegistered | BackendCalibrated]


class FakeExecutors:
    """Answers at once with what the test set; a silent stack does not answer."""

    def __init__(self) -> None:
        self.profile_ = Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64)
        self.qpu_us = {"aer": 0, "cirq": 0, "torino": 2_000_000}
        self.unfit: dict[str, Reason] = {}
        self.esp_ppm: dict[str, int] = {}
        self.calibration: dict[str, str] = {}
        self.operations: dict[str, Payload] = {}
        self.gates: dict[str, GateShots] = {}
        self.tasks: dict[str, int] = {}
        self.error: CircuitError | None = None
        self.silent: set[str] = set()
        self.asked: list[tuple[str, ProfileRequest]] = []

    async def profile(self, stack: str, request: ProfileRequest) -> ProfileAnswer:
        self.asked.append((stack, request))
        if stack in self.silent:
            raise Unavailable(f"{stack} is silent")
        return self.answer(request.backends)

    def answer(self, backends: Iterable[str]) -> ProfileAnswer:
        if self.error is not None:
            return ProfileAnswer(error=self.error)
        return ProfileAnswer(
            profile=self.profile_,
            estimates=tuple(
                BackendEstimate(
                    backend=it,
                    depth=5,
                    two_qubit_gates=1,
                    qpu_us=self.qpu_us[it],
                    unfit=self.unfit.get(it),
                    esp_ppm=self.esp_ppm.get(it),
                    calibration=self.calibration.get(it),
                    operations=self.operations.get(it),
                    gate_shots=self.gates.get(it),
                    tasks=self.tasks.get(it),
                )
                for it in backends
            ),
        )


class Delivery(TypedDict):
    """What the delivery of a submission hands to its handler."""

    event: JobSubmitted
    body: bytes
    subject: str
    sequence: int


class CancelDelivery(TypedDict):
    """What the delivery of a request to cancel hands to its handler."""

    event: CancelJob
    body: bytes
    subject: str


class Cancel(Protocol):
    """Builds the delivery of a request to cancel a job."""

    def __call__(
        self, job: str, /, *, by: str = "ann", tenant: str = "acme", **after_signing: Any
    ) -> CancelDelivery: ...


class Crash(Exception):
    """The process ends here."""


@dataclass
class Follower:
    """A view of the log in memory that is as far as it was asked to be."""

    log: MemoryLog
    world: World
    position: int = 0

    async def reached(self, sequence: int) -> None:
        self.fold(sequence)

    def fold(self, sequence: int) -> None:
        """Read up to a sequence."""
        for it in self.log.stored[self.position : sequence]:
            about = subjects.parse(it.subject)
            if about.noun != "job":
                self.world.take(it.event, it.sequence)
            elif about.event in TERMINAL:
                self.world.end(about.tenant, about.id, it.stored_at, ran=about.event not in ("rejected", "expired"))
            self.world.sequence = it.sequence
        self.position = max(self.position, sequence)


@dataclass
class Office:
    log: MemoryLog = field(default_factory=MemoryLog)
    executors: FakeExecutors = field(default_factory=FakeExecutors)
    clock: FixedClock = field(default_factory=FixedClock)
    tariff: Tariff = field(default_factory=lambda: Tariff(parse(BOOK)))
    world: World = field(default_factory=World)
    screening: Screening = field(default_factory=lambda: Screening(Rules(ProtectionDocument()), MemoryPayloads()))

    def __post_init__(self) -> None:
        self.follower = Follower(self.log, self.world)
        self.world.directory = Directory(parse_tenants(TENANTS))
        self.admit = self.another_broker(self.world, self.follower)

    def another_broker(self, world: World, follower: Follower) -> AdmitJob:
        holding = Holding(self.log, follower, world)
        self.sessions = KeepSessions(
            log=self.log, follower=follower, world=world, tariff=self.tariff, clock=self.clock, holding=holding
        )
        self.reservations = KeepReservations(
            log=self.log, follower=follower, world=world, tariff=self.tariff, clock=self.clock, holding=holding
        )
        self.windows = PlanWindows(self.log, follower, world, self.clock)
        return AdmitJob(
            log=self.log,
            follower=follower,
            world=world,
            profiles=Profiles(self.executors, world),
            tariff=self.tariff,
            clock=self.clock,
            max_source_bytes=1000,
            holding=holding,
            flags=self.screening.flags,
        )

    def restart(self) -> None:
        """A fresh process: everything it knows is read from the log again."""
        world = World()
        world.directory = self.world.directory
        self.world, self.follower = world, Follower(self.log, world)
        self.admit = self.another_broker(world, self.follower)

    async def crash(self, delivery: Delivery, *, before: type[AnyEvent], redelivered: bool = False) -> None:
        """Deliver, and let the process end where it would append an event of a class."""
        append = self.log.append

        async def broken(event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
            if isinstance(event, before):
                raise Crash
            return await append(event, after=after, guard=guard)

        self.log.append = broken  # type: ignore[method-assign]
        with pytest.raises(Crash):
            await self.deliver(delivery, redelivered=redelivered)
        self.log.append = append  # type: ignore[method-assign]

    async def open(self, budget: str = "10") -> None:
        """Register the backends and fund the accounts."""
        for event in registrations():
            await self.log.append(event)
        for project in ("main", "sim"):
            await self.log.append(fund(project, budget))
        await self.catch_up()

    async def catch_up(self) -> None:
        await self.follower.reached(len(self.log.stored))

    async def submit(self, **changes: Any) -> Delivery:  # whatever a test wants to change
        """Append a submission; return what its delivery hands to the handler."""
        event, body = submission(**changes)
        return Delivery(
            event=event, body=body, subject=subjects.subject_of(event), sequence=await self.log.append(event)
        )

    async def deliver(self, delivery: Delivery, *, redelivered: bool = False) -> None:
        await self.admit(**delivery, redelivered=redelivered)

    def names(self) -> list[str]:
        """What happened after the opening, as short words."""
        return [it.event.type.split(".")[2] for it in self.log.stored if it.event.type.split(".")[2] not in _OPENING]

    def reasons(self) -> list[str]:
        """The codes of the first rejection."""
        return [it.code for it in self.log.events(JobRejected)[0].data.reasons]


_OPENING = ("registered", "calibrated", "funded")


def registrations() -> Backends:
    rows = (
        Registration(
            backend="aer", stack="aer", vendor="Qiskit", kind="simulator", qubits=29, max_shots=100_000,
            memory_bytes=8 * GIB, features=("reset",),
        ),
        Registration(
            backend="cirq", stack="cirq", vendor="Google", kind="simulator", qubits=20, max_shots=100_000,
            memory_bytes=8 * GIB,
        ),
        Registration(backend="torino", stack="ibm", vendor="IBM", kind="emulated", qubits=133, max_shots=8192),
    )  # fmt: skip
    calibration = Calibration(
        backend="torino",
        calibrated_at=FixedClock().now(),
        snapshot=Payload(digest=digest(b"{}"), size=2, media_type="application/json", inline="{}"),
        digest=digest(b"{}"),
        median_two_qubit_error_ppm=4000,
    )
    return [
        *(BackendRegistered(source="qb/executor", data=row) for row in rows),
        BackendCalibrated(source="qb/executor", data=calibration),
    ]


def fund(project: str, amount: str) -> AccountFunded:
    return AccountFunded(source="qb/test", data=Funding(tenant="acme", account=project, amount=Amount(amount=amount)))


def signed(data: dict[str, Any], signer: str) -> dict[str, Any]:
    return {**data, "proof": {"key": public_key(SEEDS[signer]), "signature": sign(SEEDS[signer], data)}}


def submission(
    *, by: str = "ann", after_signing: dict[str, Any] | None = None, **changes: Any
) -> tuple[JobSubmitted, bytes]:
    """A good submission of a Bell pair, but for the changes."""
    key, tenant = changes.pop("key", "k1"), changes.pop("tenant", "acme")
    event_id = changes.pop("event_id", key)
    source = changes.pop("source", BELL)
    data = {
        "tenant": tenant,
        "project": "main",
        "job": job_id(tenant, key),
        "key": key,
        "purpose": "a test",
        "circuit": {
            "digest": digest(source.encode()), "size": len(source), "media_type": "text/x-openqasm", "inline": source,
        },
        "shots": 1000,
        **changes,
    }  # fmt: skip
    document = {**signed(data, by), **(after_signing or {})}
    body = json.dumps({"id": event_id, "source": "qb/client", "type": "qb.job.submitted.v1", "data": document}).encode()
    return JobSubmitted.model_validate_json(body), body


def opening(*, by: str = "ann", **changes: Any) -> OpenSession:
    """A good request to open a session, but for the changes."""
    key, tenant = changes.pop("key", "s1"), changes.pop("tenant", "acme")
    cap = changes.pop("cap", "1.00")
    fields = {
        "tenant": tenant,
        "project": "main",
        "session": session_id(tenant, key),
        "key": key,
        "cap": None if cap is None else {"amount": cap},
        **changes,
    }
    return OpenSession.model_validate(proven(OpenSession, fields, by))


def closing(session: str, *, by: str = "ann", tenant: str = "acme") -> CloseSession:
    return CloseSession.model_validate(proven(CloseSession, {"tenant": tenant, "session": session}, by))


def proven(model: type[OpenSession | CloseSession], fields: dict[str, Any], by: str) -> dict[str, Any]:
    unsigned = model.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    proof = {"key": public_key(SEEDS[by]), "signature": sign_bytes(SEEDS[by], signed_part(unsigned))}
    return {**fields, "proof": proof}


def cancellation(job: str, /, *, by: str = "ann", tenant: str = "acme", **after_signing: Any) -> CancelDelivery:
    data = {**signed({"tenant": tenant, "job": job, "reason": "a test"}, by), **after_signing}
    body = json.dumps({"source": "qb/client", "type": "qb.job.cancel.v1", "data": data}).encode()
    event = CancelJob.model_validate_json(body)
    return CancelDelivery(event=event, body=body, subject=f"qb.command.{tenant}.{job}.cancel")


def request(*, subject: str | None = None, **changes: Any) -> Request:
    event, body = submission(**changes)
    return read_request(event.data, body, subject or f"qb.job.acme.{event.data.job}.submitted")
