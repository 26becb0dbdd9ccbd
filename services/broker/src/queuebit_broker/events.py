"""The events that the broker appends. Ids are derived, so that a repeat is recognised."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_broker import account_events
from queuebit_broker.eligibility import Candidate as Priced
from queuebit_broker.fallback import StandIns
from queuebit_broker.policy import Admit
from queuebit_broker.snapshot import Request
from queuebit_broker.state import Profiled
from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, Funding, Hold, Release
from queuebit_contracts.delegations import Authority
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    FallbackTerms,
    JobAccepted,
    JobCancelled,
    JobRejected,
    JobSubmitted,
    Rejection,
)
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import Money, digest, digest_of, event_id
from queuebit_planning.limits import MAX_CARRIED_BYTES
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["accepted", "cancelled", "funded", "held", "rejected", "released", "seed_of"]

_SOURCE = "qb/broker"


def accepted(
    request: Request, event: JobSubmitted, sequence: int, admitted: Admit, profiled: Profiled, book: str
) -> JobAccepted:
    """The job may run on one of its candidates."""
    asked = request.submission
    if profiled.profile is None:
        raise ValueError("a job without a profile is never admitted")
    return JobAccepted(
        id=event_id("accepted", request.tenant, request.job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=request.provenance,
        data=Acceptance(
            tenant=request.tenant,
            project=asked.project,
            job=request.job,
            user=admitted.user,
            delegation=admitted.delegation,
            share=admitted.share,
            shots=asked.shots,
            circuit=asked.circuit.digest,
            profile=profiled.profile,
            candidates=_candidates(admitted.candidates),
            hold=Amount.of(admitted.hold),
            budgets=admitted.budgets or None,
            price_book=book,
            seed=seed_of(request.job) if asked.seed is None else asked.seed,
            submitted_at=event.time,
            session=asked.session,
            submission=sequence,
            program=_carried(asked.circuit),
            workload_class=asked.workload_class,
            fallback=_fallback(admitted.stand_ins),
            objective=admitted.objective,
            limits=admitted.limits,
            project_weight=admitted.project_weight,
            priority=asked.priority or None,
            reservation=asked.reservation,
            spot=asked.spot or None,
            calibration=asked.calibration,
            shared_device=admitted.shared_device,
            flags=admitted.flags,
            erasable=admitted.erasable or None,
        ),
    )


def rejected(request: Request, event: JobSubmitted, reasons: Sequence[Reason], user: str | None) -> JobRejected:
    """The job will not run."""
    return JobRejected(
        id=event_id("rejected", request.tenant, request.job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=request.provenance,
        data=Rejection(
            tenant=request.tenant,
            job=request.job,
            project=request.submission.project,
            reasons=tuple(reasons),
            submitted_at=event.time,
            user=user,
            workload_class=request.submission.workload_class,
        ),
    )


def cancelled(
    submitted: JobSubmitted, accepted: JobAccepted | None, tenant: str, job: str, *, by: Authority, reason: str
) -> JobCancelled:
    """The job was stopped at a user's request, before or after it was accepted."""
    return JobCancelled(
        id=event_id("cancelled", tenant, job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=digest_of(submitted.data.model_dump(mode="json", exclude_none=True, exclude={"proof"})),
        data=Cancellation(
            tenant=tenant,
            job=job,
            by=by.user,
            delegation=by.delegation,
            reason=reason,
            submitted_at=submitted.time,
            project=submitted.data.project,
            accepted_at=accepted.time if accepted else None,
            workload_class=submitted.data.workload_class,
        ),
    )


def held(request: Request, admitted: Admit) -> AccountHeld:
    """Money is held for the job."""
    counted = admitted.counted
    hold = Hold(
        tenant=request.tenant,
        account=request.submission.project,
        job=request.job,
        amount=Amount.of(admitted.hold),
        budgets=admitted.budgets or None,
        quotas=counted.quotas if counted else None,
        shots=counted.shots if counted else None,
        qpu_us=counted.qpu_us if counted else None,
        purpose="program" if request.submission.circuit.media_type == PROGRAM else None,
    )
    return account_events.held(hold, request.provenance, counted.at if counted else None)


def released(request: Request, hold: Money) -> AccountReleased:
    """The whole hold is released."""
    release = Release(
        tenant=request.tenant, account=request.submission.project, job=request.job, amount=Amount.of(hold)
    )
    return account_events.released(release, request.provenance)


def funded(tenant: str, project: str, difference: Money, after: int) -> AccountFunded:
    """The budget becomes the declared one; several brokers append the same event once."""
    return AccountFunded(
        id=event_id("funded", tenant, project, str(after), str(difference)),
        source=_SOURCE,
        data=Funding(tenant=tenant, account=project, amount=Amount.of(difference), note="budget as declared"),
    )


def seed_of(job: str) -> int:
    """A seed derived from the job's id: 52 bits, which every JSON reader keeps exactly."""
    return int(digest(job.encode()).removeprefix("sha256:")[:13], 16)


def _fallback(rule: StandIns | None) -> FallbackTerms | None:
    """The rule for the wire. If it is decided, its candidates are those of the job."""
    if rule is None:
        return None
    candidates = () if rule.decided else _candidates(rule.candidates)
    return FallbackTerms(after_s=rule.after_s, candidates=candidates, excluded=rule.excluded, decided=rule.decided)


def _candidates(admitted: Sequence[Priced]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            backend=it.backend,
            price=it.price,
            hold=it.cost.text(),
            qpu_us=it.estimate.qpu_us,
            esp_ppm=it.estimate.esp_ppm,
            calibration=it.estimate.calibration,
            operations=it.estimate.operations,
            gate_shots=it.gates,
            tasks=it.tasks,
        )
        for it in admitted
    )


def _carried(program: Payload) -> Payload | None:
    """What to run, if the events of the job can carry it: a reference to what is stored, or a small text itself."""
    return program if program.inline is None or program.size <= MAX_CARRIED_BYTES else None
