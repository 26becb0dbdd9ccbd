"""The facts of one job, as broker, scheduler and executor would write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.hybrid import (
    HybridAcceptance,
    HybridAccepted,
    HybridCancellation,
    HybridCancelled,
    HybridCompleted,
    HybridCompletion,
    HybridFailed,
    HybridFailure,
    HybridTerms,
    HybridUsage,
)
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    Compilation,
    Completion,
    Failure,
    Fallback,
    FallbackTerms,
    GateShots,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobPlaced,
    JobRejected,
    JobStarted,
    Placement,
    Profile,
    Rejection,
    Start,
    Terms,
    Usage,
)
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import digest, event_id
from queuebit_pricing import Bounds, Price
from queuebit_runtime.payloads import describe

__all__ = [
    "Job",
    "accepted",
    "cancelled",
    "completed",
    "failed",
    "held",
    "hybrid_accepted",
    "hybrid_ended",
    "hybrid_held",
    "id_of",
    "placed",
    "rejected",
    "started",
]

_DIGEST = digest(b"drill")
_RESULT = describe(b'{"00":1}', "application/json")
_COMPILATION = Compilation(compiler="drill", digest=_DIGEST, seed=1, depth=3, two_qubit_gates=1, duration_ns=100)


@dataclass(frozen=True, slots=True)
class Job:
    """What broker and scheduler decided about a job."""

    number: int
    tenant: str
    project: str
    name: str
    price: Price
    backend: str
    bounds: Bounds
    hold: Amount
    at: datetime
    instead_of: tuple[str, Price] | None = None
    """The backend that it asked for, and its price, if it runs on a fallback."""

    @property
    def label(self) -> Fallback | None:
        """The label of a fallback."""
        return Fallback(instead_of=(self.instead_of[0],), since=self.at) if self.instead_of else None

    @property
    def gates(self) -> GateShots | None:
        if not self.price.counts_gates:
            return None
        it = self.bounds
        return GateShots(gates_1q=it.gates_1q, gates_2q=it.gates_2q, measurements=it.measurements)

    @property
    def times(self) -> dict[str, datetime]:
        names = ("submitted_at", "accepted_at", "placed_at", "started_at")
        return {name: self.at + timedelta(milliseconds=place) for place, name in enumerate(names)}


def id_of(what: str, job: Job, *more: str) -> str:
    """The id of an event of a job."""
    return event_id("drill", what, job.tenant, job.name, *more)


def held(job: Job) -> AccountHeld:
    """Its hold."""
    data = Hold(tenant=job.tenant, account=job.project, job=job.name, amount=job.hold)
    return AccountHeld(id=id_of("held", job), source="qb/drill", time=job.at, data=data)


def accepted(job: Job) -> JobAccepted:
    """Its acceptance on one backend."""
    bounds = job.bounds
    candidate = Candidate(
        backend=job.backend,
        price=job.price.id,
        hold=job.hold.amount,
        qpu_us=bounds.qpu_us,
        gate_shots=job.gates,
        tasks=bounds.tasks,
    )
    own, fallback = candidate, None
    if job.instead_of is not None:
        backend, price = job.instead_of
        own = candidate.model_copy(update={"backend": backend, "price": price.id, "gate_shots": None, "tasks": None})
        fallback = FallbackTerms(after_s=0, candidates=(candidate,))
    profile = Profile(qubits=bounds.qubits, clbits=bounds.qubits, depth=3, two_qubit_gates=1, simulation_bytes=64)
    data = Acceptance(
        tenant=job.tenant,
        project=job.project,
        job=job.name,
        user="me",
        share=1,
        shots=bounds.shots,
        circuit=_DIGEST,
        profile=profile,
        candidates=(own,),
        fallback=fallback,
        hold=job.hold,
        price_book=_DIGEST,
        seed=7,
        submitted_at=job.at,
    )
    return JobAccepted(id=id_of("accepted", job), source="qb/drill", time=job.at, data=data)


def rejected(job: Job) -> JobRejected:
    """It is refused."""
    reasons = (Reason(code="drill", text="the drill wants so"),)
    data = Rejection(tenant=job.tenant, job=job.name, project=job.project, reasons=reasons, submitted_at=job.at)
    return JobRejected(id=id_of("rejected", job), source="qb/drill", time=job.at, data=data)


def _terms(job: Job) -> Terms:
    return Terms(
        project=job.project,
        price=job.price.id,
        price_book=_DIGEST,
        hold=job.hold,
        shots=job.bounds.shots,
        qpu_us=job.bounds.qpu_us,
        qubits=job.bounds.qubits,
        gate_shots=job.gates,
        tasks=job.bounds.tasks,
    )


def placed(job: Job, *, carries: bool) -> JobPlaced:
    """Its placement; without its terms, as an older scheduler wrote it, if it does not carry them."""
    data = Placement(
        tenant=job.tenant,
        project=job.project,
        job=job.name,
        backend=job.backend,
        shots=job.bounds.shots,
        circuit=_DIGEST,
        seed=7,
        qpu_us=job.bounds.qpu_us,
        policy="drill",
        snapshot=_DIGEST,
        scores=(),
        submitted_at=job.at,
        accepted_at=job.at,
        terms=_terms(job) if carries else None,
        fallback=job.label,
    )
    return JobPlaced(id=id_of("placed", job), source="qb/drill", time=job.at, data=data)


def started(job: Job, *, reports: bool) -> JobStarted:
    """It runs."""
    data = Start(
        tenant=job.tenant,
        job=job.name,
        backend=job.backend,
        attempt=1,
        executor="drill",
        reports_usage=True if reports else None,
    )
    return JobStarted(id=id_of("started", job), source="qb/drill", time=job.at, data=data)


def completed(job: Job, usage: Usage, *, carries: bool) -> JobCompleted:
    """Its result."""
    data = Completion(
        tenant=job.tenant,
        job=job.name,
        backend=job.backend,
        attempt=1,
        shots=job.bounds.shots,
        result=_RESULT,
        usage=usage,
        compilation=_COMPILATION,
        terms=_terms(job) if carries else None,
        fallback=job.label,
        **job.times,
    )
    return JobCompleted(id=id_of("completed", job), source="qb/drill", time=job.at, data=data)


def failed(job: Job, usage: Usage, *, carries: bool, code: str = "drill") -> JobFailed:
    """It ends without a result."""
    data = Failure(
        tenant=job.tenant,
        job=job.name,
        backend=job.backend,
        attempt=1,
        reason=Reason(code=code, text="the drill wants so"),
        usage=usage,
        terms=_terms(job) if carries else None,
        fallback=job.label,
        **job.times,
    )
    return JobFailed(id=id_of("failed", job), source="qb/drill", time=job.at, data=data)


def cancelled(job: Job) -> JobCancelled:
    """It is cancelled."""
    data = Cancellation(tenant=job.tenant, job=job.name, by="me", submitted_at=job.at)
    return JobCancelled(id=id_of("cancelled", job), source="qb/drill", time=job.at, data=data)


def hybrid_held(tenant: str, name: str, terms: HybridTerms, at: datetime) -> AccountHeld:
    """The hold of a hybrid job: what its time limit costs."""
    data = Hold(tenant=tenant, account=terms.project, job=name, amount=terms.hold)
    return AccountHeld(id=event_id("drill", "held", tenant, name), source="qb/drill", time=at, data=data)


def hybrid_accepted(tenant: str, name: str, terms: HybridTerms, at: datetime) -> HybridAccepted:
    """Its acceptance."""
    data = HybridAcceptance(
        tenant=tenant,
        hybrid=name,
        user="me",
        delegation=name,
        file=describe(b"pass", "text/x-python"),
        parameters="{}",
        purpose="",
        terms=terms,
        submitted_at=at,
    )
    return HybridAccepted(id=event_id("drill", "accepted", tenant, name), source="qb/drill", time=at, data=data)


def hybrid_ended(
    tenant: str, name: str, terms: HybridTerms, time_us: int, how: str, at: datetime
) -> HybridCompleted | HybridFailed | HybridCancelled:
    """The end of a hybrid job."""
    usage = HybridUsage(time_us=time_us)
    whose = {"id": event_id("drill", how, tenant, name), "source": "qb/drill", "time": at}
    if how == "failed":
        reason = Reason(code="drill", text="the drill wants so")
        failure = HybridFailure(
            tenant=tenant, hybrid=name, attempt=1, usage=usage, terms=terms, submitted_at=at, reason=reason
        )
        return HybridFailed(data=failure, **whose)
    if how == "cancelled":
        stop = HybridCancellation(
            tenant=tenant, hybrid=name, attempt=1, usage=usage, terms=terms, submitted_at=at, by="me"
        )
        return HybridCancelled(data=stop, **whose)
    completion = HybridCompletion(tenant=tenant, hybrid=name, attempt=1, usage=usage, terms=terms, submitted_at=at)
    return HybridCompleted(data=completion, **whose)
