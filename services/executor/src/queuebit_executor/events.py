"""The facts an executor states, built from what it saw."""

from __future__ import annotations

import json
from datetime import datetime

from queuebit_contracts.backend import (
    MOST_QUARANTINED,
    BackendCalibrated,
    BackendCalibrationFailed,
    BackendRegistered,
    Calibration,
    CalibrationFailure,
    Registration,
    Specification,
)
from queuebit_contracts.deployment import StatedErrors
from queuebit_contracts.job import (
    Completion,
    Dispatch,
    Failure,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobPlaced,
    JobStarted,
    JobUsageReported,
    Part,
    Placement,
    Start,
    Usage,
    UsageReport,
)
from queuebit_contracts.uncertainty import WILSON
from queuebit_contracts.usage import RESERVATION, UNITS, Measure, measures_of, usage_of
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor.answers import Described, Submitted
from queuebit_executor.finished import Finished
from queuebit_executor.instance import Instance
from queuebit_executor.manifest import COMPILATION_LOST
from queuebit_executor.policy import memory_for_state, slots_of
from queuebit_executor.quality import quality_of
from queuebit_executor.state import Mark
from queuebit_kernel import event_id
from queuebit_runtime.trace_context import current_traceparent

__all__ = [
    "calibrated",
    "calibration_failed",
    "dispatched",
    "failed",
    "finished",
    "in_reservation",
    "registered",
    "started",
    "usage_reported",
]


def started(me: Instance, placed: JobPlaced, attempt: int, now: datetime) -> JobStarted:
    """An attempt begins; its usage will be reported if the job is cancelled.

    Each attempt has an id of its own, so that two executors never take one for the other's.
    """
    job = placed.data
    return JobStarted(
        source=me.source,
        time=now,
        traceparent=current_traceparent(),
        provenanceid=placed.provenanceid,
        data=Start(
            tenant=job.tenant,
            job=job.job,
            backend=job.backend,
            attempt=attempt,
            executor=me.name,
            reports_usage=True,
            software=me.software,
            image=me.image,
        ),
    )


def dispatched(
    me: Instance,
    placed: JobPlaced,
    attempt: int,
    taken: Submitted,
    token: str,
    *,
    part: Part | None = None,
    number: int = 0,
) -> JobDispatched:
    """A vendor has the work. The same handle gives the same event, so that two executors cannot record it twice.

    The compilation of a single circuit is in the event; those of a program are in the content of its part.
    """
    job = placed.data
    compiled = next((it for item in taken.manifest.items for it in item.compilations), None)
    return JobDispatched(
        id=event_id("dispatched", job.tenant, job.job, token, taken.handle or ""),
        source=me.source,
        traceparent=current_traceparent(),
        provenanceid=placed.provenanceid,
        data=Dispatch(
            tenant=job.tenant,
            job=job.job,
            backend=job.backend,
            attempt=attempt,
            handle=taken.handle or "",
            token=token,
            qubits=taken.manifest.qubits,
            compilation=None if part is not None else compiled,
            calibration=taken.calibration,
            part=part,
            revision=number or None,
        ),
    )


def usage_reported(
    me: Instance, placed: JobPlaced, *, backend: str, attempt: int, revision: int, usage: Usage, reason: str
) -> JobUsageReported:
    """What an attempt used, stated apart from the end of its job."""
    job = placed.data
    return JobUsageReported(
        id=event_id("usage_reported", job.tenant, job.job, str(revision)),
        source=me.source,
        traceparent=current_traceparent(),
        provenanceid=placed.provenanceid,
        data=UsageReport(
            tenant=job.tenant,
            job=job.job,
            backend=backend,
            attempt=attempt,
            revision=revision,
            usage=in_reservation(job, usage),
            reason=reason,
        ),
    )


def finished(
    me: Instance, placed: JobPlaced, mark: Mark, *, done: Finished, result: Payload, now: datetime
) -> JobCompleted | JobFailed:
    """The end of a run: the result and the usage, in one fact.

    It is a failure if no item of a program completed, or if nothing says how the circuit was compiled.
    """
    job = placed.data
    if done.reason is not None or done.compilation is None:
        reason = done.reason or COMPILATION_LOST
        failure = failed(me, placed, mark, reason, now, done.usage)
        of_items = {"items": done.items, "result": result} if done.items else {}
        return failure.model_copy(update={"data": failure.data.model_copy(update=of_items)})
    return JobCompleted(
        source=me.source,
        time=now,
        traceparent=current_traceparent(),
        provenanceid=placed.provenanceid,
        data=Completion(
            tenant=job.tenant,
            job=job.job,
            backend=job.backend,
            attempt=mark.number,
            shots=job.shots,
            result=result,
            usage=in_reservation(job, done.usage),
            compilation=done.compilation,
            calibration=done.calibration,
            submitted_at=job.submitted_at,
            accepted_at=job.accepted_at,
            placed_at=placed.time,
            started_at=mark.started_at,
            items=done.items,
            terms=job.terms,
            uncertainty=WILSON if done.items is None else None,
            suspect=done.suspect,
            post=done.post,
            workload_class=job.workload_class,
            expected_ms=next((it.expected_ms for it in job.scores if it.backend == job.backend), None),
            quality=quality_of(done, job.shots),
            fallback=job.fallback,
            shared=done.shared,
        ),
    )


def failed(
    me: Instance, placed: JobPlaced, mark: Mark, reason: Reason, now: datetime, usage: Usage | None = None
) -> JobFailed:
    """A failed job. Usage is reported, and billed, only if the run reached a limit of its size."""
    job = placed.data
    return JobFailed(
        source=me.source,
        time=now,
        traceparent=current_traceparent(),
        provenanceid=placed.provenanceid,
        data=Failure(
            tenant=job.tenant,
            job=job.job,
            backend=job.backend,
            attempt=mark.number,
            reason=reason,
            usage=in_reservation(job, usage) if usage else Usage(),
            submitted_at=job.submitted_at,
            accepted_at=job.accepted_at,
            placed_at=placed.time,
            started_at=mark.started_at,
            terms=job.terms,
            workload_class=job.workload_class,
            fallback=job.fallback,
        ),
    )


def in_reservation(job: Placement, usage: Usage) -> Usage:
    """The usage of a run, with the measure that it took place in a reservation, if it did: a price may be free then."""
    measures = measures_of(usage)
    if job.reservation is None or any(it.metric == RESERVATION for it in measures):
        return usage
    return usage_of(
        *measures, Measure(metric=RESERVATION, quantity="1", unit=UNITS[RESERVATION]), at_limit=usage.at_limit
    )


def registered(me: Instance, offer: Described, now: datetime) -> BackendRegistered:
    """A backend and what it takes."""
    return BackendRegistered(
        source=me.source,
        time=now,
        data=Registration(
            backend=offer.backend,
            stack=me.stack,
            vendor=offer.vendor,
            kind=offer.kind,
            qubits=offer.qubits,
            max_shots=offer.max_shots,
            memory_bytes=memory_for_state(offer, me.memory_mb),
            features=offer.features,
            gates=offer.gates,
            rep_delay_ns=offer.rep_delay_ns,
            overhead_ns=offer.overhead_ns,
            slots=slots_of(offer, me.slots, me.cores),
            control_group=me.control_groups.get(offer.backend),
            region=me.regions.get(offer.backend, me.region),
            specification=_specification(me.specifications.get(offer.backend)),
            answers_alive=True,
            status=offer.status,
        ),
    )


def calibrated(me: Instance, backend: str, content: bytes, snapshot: Payload, now: datetime) -> BackendCalibrated:
    """A reference to a device's calibration snapshot, with its medians."""
    figures = json.loads(content)
    return BackendCalibrated(
        source=me.source,
        time=now,
        data=Calibration(
            backend=backend,
            calibrated_at=figures["calibrated_at"],
            snapshot=snapshot,
            digest=figures["digest"],
            median_two_qubit_error_ppm=_ppm(figures["medians"]["two_qubit_error"]),
            median_readout_error_ppm=_ppm(figures["medians"]["readout_error"]),
            quarantined=tuple(figures.get("quarantined", ())[:MOST_QUARANTINED]) or None,
        ),
    )


def calibration_failed(me: Instance, backend: str, reason: Reason, now: datetime) -> BackendCalibrationFailed:
    """Why a device's calibration could not be read."""
    data = CalibrationFailure(backend=backend, attempted_at=now, reason=reason)
    return BackendCalibrationFailed(source=me.source, time=now, data=data)


def _specification(stated: StatedErrors | None) -> Specification | None:
    if stated is None:
        return None
    return Specification(
        median_two_qubit_error_ppm=_ppm(stated.two_qubit_error),
        median_readout_error_ppm=_ppm(stated.readout_error),
    )


def _ppm(probability: float | None) -> int | None:
    return None if probability is None else round(probability * 1_000_000)
