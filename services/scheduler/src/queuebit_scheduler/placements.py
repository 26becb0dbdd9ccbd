"""The event of a placement."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter

from queuebit_contracts.job import Fallback, JobPlaced, Moved, Placement, Preempted, Score
from queuebit_contracts.wire import Payload
from queuebit_kernel import event_id
from queuebit_runtime.trace_context import current_traceparent
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import FellBack, GaveWay, Place, moment_of

__all__ = ["placement"]


def placement(accepted: AcceptedJob, place: Place, policy: str, decision: Payload, term: int) -> JobPlaced:
    """A decision about an accepted job; its trace is the current one.

    A job in a reservation pays for the whole device, and one with the priority of a session waits for no other: both
    are alone there.
    """
    tenant, job = accepted.key
    alone = place.session is not None or place.reservation is not None
    return JobPlaced(
        # the same decision after the same history is the same event, however often it is tried
        id=event_id("placed", tenant, job, place.backend, str(accepted.after)),
        source="qb/scheduler",
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=Placement(
            tenant=tenant,
            project=accepted.project,
            job=job,
            backend=place.backend,
            shots=accepted.shots,
            circuit=accepted.circuit,
            seed=accepted.seed,
            qpu_us=accepted.candidate(place.backend).qpu_us,
            policy=policy,
            snapshot=decision.digest,
            decision=decision,
            scores=_scores().validate_python(
                [{"backend": backend, "expected_ms": due // 1000} for backend, due in place.scores]
            ),
            session=place.session,
            submitted_at=accepted.submitted_at,
            accepted_at=accepted.accepted_at,
            program=accepted.program,
            terms=accepted.terms(place.backend),
            workload_class=accepted.workload_class,
            fallback=accepted.fallback if place.fallback is None else _fallback(place.fallback),
            term=term,
            calibration=accepted.calibration,
            shared_device=None if alone else accepted.shared_device,
            preempted=None if place.gave_way is None else _preempted(place.gave_way, tenant),
            moved=None
            if place.moved is None
            else Moved(left=place.moved.left, gained_ms=place.moved.gained_us // 1000),
            reservation=place.reservation,
            start_by=None if place.start_by_us is None else moment_of(place.start_by_us),
        ),
    )


def _fallback(fell_back: FellBack) -> Fallback:
    return Fallback(instead_of=fell_back.instead_of, since=moment_of(fell_back.since_us))


def _preempted(gave_way: GaveWay, tenant: str) -> Preempted:
    """Why a job of a tenant gave way; it names no job of another one."""
    by = gave_way.to[1] if gave_way.to[0] == tenant else None
    return Preempted(by=by, rule=gave_way.rule, gained_ms=gave_way.gained_us // 1000)


@cache
def _scores() -> TypeAdapter[tuple[Score, ...]]:
    """Checks all scores of a placement in one call: one by one, those of fifty backends take twice as long."""
    return TypeAdapter(tuple[Score, ...])
