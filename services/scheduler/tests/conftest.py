"""A small world around the scheduler: a log in memory, the state folded from it, a clock, and events in few words."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from queuebit_contracts.backend import BackendRegistered, Registration
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    Compilation,
    Completion,
    Expiry,
    Failure,
    FallbackTerms,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobExpired,
    JobFailed,
    JobPlaced,
    JobRejected,
    JobStarted,
    Profile,
    Rejection,
    Signature,
    Start,
    Usage,
)
from queuebit_contracts.session import Session, SessionClosed, SessionEnd, SessionOpened
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import FixedClock, Unavailable, digest
from queuebit_runtime.payloads import Missing
from queuebit_runtime.tracing import Tracing
from queuebit_scheduler.handlers import PlaceJobs
from queuebit_scheduler.liveness import ASK_S, Ask, WatchBackends, limits_of
from queuebit_scheduler.outages import ReportOutages
from queuebit_scheduler.state import State
from queuebit_scheduling import MEDIA_TYPE, POLICY, Policy, Snapshot
from queuebit_testing.memory import MemoryLog

DIGEST = "sha256:" + "0" * 64
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def registered(backend: str, slots: int = 1, *, answers_alive: bool = True) -> BackendRegistered:
    return BackendRegistered(
        source="qb/test",
        data=Registration(
            backend=backend,
            stack="s",
            vendor="v",
            kind="simulator",
            qubits=30,
            max_shots=10**6,
            slots=slots,
            answers_alive=answers_alive,
        ),
    )


def accepted(
    job: str,
    tenant: str = "acme",
    *,
    share: int = 1,
    backends: tuple[str, ...] = ("aer",),
    qpu_us: int = 1000,
    shots: int = 100,
    session: str | None = None,
) -> JobAccepted:
    return JobAccepted(
        source="qb/test",
        time=THEN,
        provenanceid=DIGEST,
        data=Acceptance(
            tenant=tenant,
            project="main",
            job=job,
            user="ann",
            share=share,
            shots=shots,
            circuit=DIGEST,
            profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64),
            candidates=tuple(Candidate(backend=it, price="p", hold="1", qpu_us=qpu_us) for it in backends),
            hold=Amount(amount="1"),
            price_book=DIGEST,
            seed=7,
            submitted_at=THEN,
            session=session,
            program=Payload(digest=DIGEST, size=1, media_type="text/x-openqasm", inline="x"),
        ),
    )


def with_fallback(event: JobAccepted, *names: str, after_s: int = 0, excluded: str = "") -> JobAccepted:
    """The acceptance, where these backends may stand in for its candidates."""
    candidates = tuple(event.data.candidates[0].model_copy(update={"backend": it}) for it in names)
    reasons = (Reason(code="budget_exceeded", text=excluded),) if excluded else ()
    rule = FallbackTerms(after_s=after_s, candidates=candidates, excluded=reasons)
    return event.model_copy(update={"data": event.data.model_copy(update={"fallback": rule})})


def opened(session: str, tenant: str = "acme", backend: str | None = "aer") -> SessionOpened:
    return SessionOpened(
        source="qb/test",
        data=Session(
            tenant=tenant,
            project="main",
            session=session,
            user="ann",
            key=session,
            backend=backend,
            max_idle_s=300,
            max_age_s=3600,
            opened_at=THEN,
            expires_at=THEN + timedelta(hours=1),
            proof=Signature(key="k", signature="s"),
        ),
    )


def closed(session: str, tenant: str = "acme") -> SessionClosed:
    end = SessionEnd(tenant=tenant, session=session, project="main", reason="asked", idle_s=0, closed_at=THEN)
    return SessionClosed(source="qb/test", data=end)


def started(job: str, tenant: str = "acme", backend: str = "aer") -> JobStarted:
    data = Start(tenant=tenant, job=job, backend=backend, attempt=1, executor="e")
    return JobStarted(source="qb/test", data=data)


def completed(job: str, tenant: str = "acme", backend: str = "aer") -> JobCompleted:
    times = dict.fromkeys(("submitted_at", "accepted_at", "placed_at", "started_at"), THEN)
    return JobCompleted(
        source="qb/test",
        data=Completion(
            tenant=tenant,
            job=job,
            backend=backend,
            attempt=1,
            shots=100,
            result=Payload(digest=DIGEST, size=2, media_type="application/json", inline="{}"),
            usage=Usage(shots=100, qpu_us=1000, qubits=2),
            compilation=Compilation(compiler="c", digest=DIGEST, seed=7, depth=3, two_qubit_gates=1, duration_ns=1),
            **times,
        ),
    )


def cancelled(job: str, tenant: str = "acme") -> JobCancelled:
    return JobCancelled(source="qb/test", data=Cancellation(tenant=tenant, job=job, by="ann", submitted_at=THEN))


def ended(how: str, job: str, tenant: str = "acme", backend: str = "aer") -> AnyEvent:
    """The job's end, by the name of its event."""
    reason = Reason(code="c", text="t")
    match how:
        case "completed":
            return completed(job, tenant, backend)
        case "cancelled":
            return cancelled(job, tenant)
        case "expired":
            when = dict.fromkeys(("deadline", "submitted_at", "accepted_at"), THEN)
            return JobExpired(
                source="qb/test", data=Expiry(tenant=tenant, project="main", job=job, reason=reason, **when)
            )
        case "rejected":
            data = Rejection(tenant=tenant, job=job, project="main", reasons=(reason,), submitted_at=THEN)
            return JobRejected(source="qb/test", data=data)
        case "failed":
            times = dict.fromkeys(("submitted_at", "accepted_at", "placed_at", "started_at"), THEN)
            where = {"tenant": tenant, "job": job, "backend": backend}
            return JobFailed(source="qb/test", data=Failure(**where, attempt=1, reason=reason, usage=Usage(), **times))
    raise ValueError(f"the tests know no way to end {how}: add it here")


class MemoryDecisions:
    """Keeps every snapshot that it is given."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.down = False
        self.refused = 0

    async def keep(self, content: bytes, *, private: bool, copies: int) -> Payload:
        if self.down:
            self.refused += 1
            raise Unavailable("no answer")
        self.kept[digest(content)] = content
        inline = None if private else content.decode()
        return Payload(digest=digest(content), size=len(content), media_type=MEDIA_TYPE, inline=inline)

    async def read(self, decision: Payload) -> bytes:
        if decision.digest not in self.kept:
            raise Missing(f"no decision {decision.digest}")
        return self.kept[decision.digest]


class World:
    """Every fact appended here is folded at once, stamped with the world's clock."""

    registered = staticmethod(registered)
    accepted = staticmethod(accepted)
    opened = staticmethod(opened)
    closed = staticmethod(closed)
    started = staticmethod(started)
    completed = staticmethod(completed)
    cancelled = staticmethod(cancelled)
    ended = staticmethod(ended)

    def __init__(self, places_per_slot: int = 8, policy: Policy = POLICY) -> None:
        self.clock = FixedClock(THEN)
        self.log = MemoryLog()
        self.state = State(places_per_slot, policy)
        self.decisions = MemoryDecisions()
        self.term: int | None = 1
        self.place = PlaceJobs(
            self.state, self.log, self.decisions, self.clock, Tracing("scheduler"), lambda: self.term
        )
        self.moments: list[datetime] = []
        self._folded = 0

    def happens(self, *events: AnyEvent) -> None:
        async def append() -> None:
            for event in events:
                await self.log.append(event)

        asyncio.run(append())
        self.fold()

    def fold(self, state: State | None = None) -> None:
        """Fold what is new, or everything into another state."""
        self.moments += [self.clock.now()] * (len(self.log.stored) - len(self.moments))
        for stored in self.log.stored[self._folded if state is None else 0 :]:
            (state or self.state).evolve(stored.event, stored.sequence, self.moments[stored.sequence - 1])
        self._folded = len(self.log.stored)

    def cycle(self) -> list[JobPlaced]:
        """Run one cycle; the view has not shown its placements yet."""
        before = len(self.log.stored)
        asyncio.run(self.place.cycle())
        return [it.event for it in self.log.stored[before:] if isinstance(it.event, JobPlaced)]

    def run(self, placed: JobPlaced, seconds: float) -> None:
        """Let a placed job run alone."""
        tenant, job, backend = placed.data.tenant, placed.data.job, placed.data.backend
        self.happens(started(job, tenant, backend))
        self.clock.advance(seconds)
        self.happens(completed(job, tenant, backend))

    def snapshot(self, limit: int = 32) -> Snapshot:
        """What the next cycle decides from; there must be something to decide."""
        found = self.state.snapshot(self.clock.now(), limit)
        assert found is not None
        return found

    def guard(self, job: str, tenant: str = "acme") -> str:
        return job_aggregate(tenant, job).everything

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


def watching(world: World, ask: Ask, *, silence_s: float, return_s: float = 2 * ASK_S) -> WatchBackends:
    """A watch of the world's backends, whose facts go to the world's log."""
    limits = limits_of(silence_s, return_s)
    report = ReportOutages(world.state, world.log, limits, lambda: world.term is not None)
    return WatchBackends(world.state, ask, world.clock, limits, report=report, wake=world.place.wake)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def world_of() -> type[World]:
    return World
