"""Builds the statement about a job from the job's events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar, get_args

from queuebit_contracts.catalog import AnyEvent, wire_name
from queuebit_contracts.job import (
    Charge,
    CompileChoice,
    Completion,
    Correction,
    Ended,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobCorrected,
    JobDispatched,
    JobExpired,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobSealedV1,
    JobStarted,
    JobSubmitted,
    Metering,
    Seal,
    SealV1,
    Usage,
)
from queuebit_contracts.subjects import event_name
from queuebit_contracts.usage import measures_of
from queuebit_contracts.wire import DIGEST
from queuebit_kernel import Malformed, digest, digest_of
from queuebit_proof import AttemptLine, ChargeLine, CheckLine, InputLine, JobRecord, Reason, UsageLine

__all__ = ["HANDLE_BYTES", "REASON_CHARS", "record_of", "seal_of", "superseded"]

REASON_CHARS = 256
"""The longest text of a reason in a receipt, so that a receipt fits into an event."""

HANDLE_BYTES = 96
"""The longest name of a vendor's job in a receipt."""

_ENDINGS: dict[str, type[Ended]] = {event_name(wire_name(it)): it for it in get_args(Ended)}

_E = TypeVar("_E", bound=AnyEvent)


def seal_of(history: Sequence[AnyEvent], revision: int | None) -> Seal | SealV1 | None:
    """The job's receipt that includes a correction of its bill, or its first one; None where it is still to come."""
    seals = (event.data for event in history if isinstance(event, JobSealed | JobSealedV1))
    return next((it for it in seals if it.revision == revision), None)


def superseded(history: Sequence[AnyEvent], revision: int) -> Seal | SealV1 | None:
    """The receipt that the one of a correction supersedes."""
    return seal_of(history, revision - 1 or None)


def record_of(history: Sequence[AnyEvent], *, software: str, revision: int | None = None) -> JobRecord:
    """State what happened to a job, from the newest event of each of its subjects in the order of the log.

    With a `revision`, usage and charges are those of that correction, and the statement before is named.

    Whose job it was is taken from the bill, which speaks of the subject, never from what a client says of itself. Where
    a job was placed or started more than once, the last time counts: it is the one that led to the end.

    Raises:
        Malformed: a required event is missing.
    """
    newest = _Newest(history)
    metered = newest.required(JobMetered)
    if metered.data.state not in _ENDINGS:
        raise Malformed(
            f"this version does not know how a job can be {metered.data.state}: upgrade provenance, then replay this"
        )
    end = newest.required(_ENDINGS[metered.data.state])
    bill = metered.data if revision is None else _correction(history, revision)
    record = _record(newest, metered, end, bill, software)
    if revision is None:
        return record
    before = superseded(history, revision)
    return replace(record, revision=revision, supersedes=before.statement if before else None)


def _record(newest: _Newest, metered: JobMetered, end: Ended, bill: Metering | Correction, software: str) -> JobRecord:
    accepted, placed, started = newest.of(JobAccepted), newest.of(JobPlaced), newest.of(JobStarted)
    request, asked = _request(newest, end), newest.of(JobSubmitted)
    author = asked.data if asked is not None and _content(asked) == request else None
    placements = [it for it in newest.all if isinstance(it, JobPlaced)]
    completion = end.data if isinstance(end, JobCompleted) else None
    compilation = completion.compilation if completion else None
    shared = completion.shared if completion else None
    return JobRecord(
        tenant=metered.data.tenant,
        project=metered.data.project,
        job=metered.data.job,
        actor=accepted.data.user if accepted else None,
        delegation=accepted.data.delegation if accepted else None,
        outcome=metered.data.state,
        reasons=_reasons(end),
        checks=_checks(completion),
        request_digest=request,
        purpose=(author.purpose or None) if author else None,
        rerun_of=author.rerun_of if author else None,
        circuit_name=author.circuit_version.name if author and author.circuit_version else None,
        circuit_version=author.circuit_version.version if author and author.circuit_version else None,
        inputs=tuple(InputLine(it.name, it.version, it.digest) for it in (author and author.inputs) or ()),
        plan_digest=digest_of(accepted.data.model_dump(mode="json", exclude_none=True)) if accepted else None,
        result_digest=completion.result.digest if completion else None,
        circuit_digest=accepted.data.circuit if accepted else None,
        canonical_digest=accepted.data.profile.canonical if accepted else None,
        bound_digest=compilation.circuit if compilation else None,
        compiled_digest=compilation.compiled if compilation else None,
        target_digest=compilation.digest if compilation else None,
        compiler=compilation.compiler if compilation else None,
        compiler_seed=compilation.seed if compilation else None,
        compile_options=_chosen(compilation.options) if compilation else None,
        post=(completion.post or ()) if completion else (),
        backend=placed.data.backend if placed else None,
        instead_of=placed.data.fallback.instead_of if placed and placed.data.fallback else (),
        policy=placed.data.policy if placed else None,
        decision_digest=placed.data.snapshot if placed else None,
        attempt=started.data.attempt if started else None,
        attempts=tuple(AttemptLine(it.data.backend, it.time, it.data.snapshot) for it in placements),
        vendor_jobs=tuple(_shown(it.data.handle) for it in newest.all if isinstance(it, JobDispatched)),
        executor=started.data.software if started else None,
        image=started.data.image if started else None,
        calibrated_at=compilation.calibrated_at if compilation else None,
        region=shared.region if shared else (),
        partners=shared.circuits - 1 if shared else None,
        calibration_digest=completion.calibration if completion else None,
        shots=completion.shots if completion else None,
        simulator_seed=placed.data.seed if placed and started else None,
        submitted_at=metered.data.submitted_at,
        accepted_at=accepted.time if accepted else None,
        placed_at=placed.time if placed else None,
        started_at=started.time if started else None,
        finished_at=metered.data.ended_at,
        usage=_usage(bill.usage),
        charges=_charges(bill.charge),
        price_book=bill.price_book,
        trace_id=metered.traceparent.split("-")[1] if metered.traceparent else None,
        software=software,
    )


def _checks(completion: Completion | None) -> tuple[CheckLine, ...]:
    """What the submission asked of the result; that counts sum to the shots is so of every one."""
    quality = completion.quality if completion else None
    asked = [it for it in quality.checks if it.name != "shots"] if quality else []
    return tuple(CheckLine(it.name, it.passed, it.value, it.limit) for it in asked)


def _chosen(options: CompileChoice | None) -> dict[str, str | int]:
    return {} if options is None else options.model_dump(exclude_none=True)


class _Newest:
    """The newest event of each class."""

    def __init__(self, history: Sequence[AnyEvent]) -> None:
        self.all = history
        self._events = {type(event): event for event in history}

    def of(self, kind: type[_E]) -> _E | None:
        found = self._events.get(kind)
        return found if isinstance(found, kind) else None

    def required(self, kind: type[_E]) -> _E:
        if (found := self.of(kind)) is None:
            raise Malformed(
                f"the log holds no {kind.__name__} of this job, so nothing can be attested: find out which service "
                "metered it too early, then replay this message"
            )
        return found


def _correction(history: Sequence[AnyEvent], revision: int) -> Correction:
    found = (event.data for event in history if isinstance(event, JobCorrected))
    if (correction := next((it for it in found if it.revision == revision), None)) is None:
        raise Malformed(
            f"the log holds no readable correction {revision} of this job, so it cannot be attested: "
            "see its history, then replay this message"
        )
    return correction


def _request(newest: _Newest, end: Ended) -> str:
    """The digest of the decided request, which the broker took from the signed bytes.

    A repeated submission cannot replace it. The stored submission is digested only if no other event names the request:
    it may be another one by now, and lacks fields that this version does not know.
    """
    accepted = newest.of(JobAccepted)
    if accepted is not None:
        if accepted.provenanceid is None:
            raise Malformed(
                "the acceptance names no request, so nothing can be attested: find out which broker wrote it"
            )
        return accepted.provenanceid
    if end.provenanceid is not None and re.fullmatch(DIGEST, end.provenanceid):
        return end.provenanceid
    submitted = newest.required(JobSubmitted)
    return _content(submitted) or digest(submitted.to_bytes())


def _content(submitted: JobSubmitted) -> str | None:
    """The digest of what was signed; None if it has no canonical form, so that it cannot have been."""
    try:
        return digest_of(submitted.data.model_dump(mode="json", exclude_none=True, exclude={"proof"}))
    except ValueError:
        return None


def _shown(handle: str) -> str:
    """What a vendor calls a job; a long one by its digest, so that a receipt fits into an event."""
    return handle if len(handle.encode()) <= HANDLE_BYTES else digest(handle.encode())


def _reasons(end: Ended) -> tuple[Reason, ...]:
    match end:
        case JobRejected():
            given = [(reason.code, reason.text) for reason in end.data.reasons]
        case JobFailed() | JobExpired():
            given = [(end.data.reason.code, end.data.reason.text)]
        case JobCancelled():
            given = [("cancelled", f"{end.data.by}: {end.data.reason}" if end.data.reason else end.data.by)]
        case JobCompleted():
            given = []
    return tuple(Reason(code, text[:REASON_CHARS]) for code, text in given)


def _usage(usage: Usage) -> tuple[UsageLine, ...]:
    stated = (it for it in measures_of(usage) if Decimal(it.quantity) or not it.final)
    return tuple(UsageLine(it.metric, it.quantity, it.unit, final=it.final) for it in stated)


def _charges(charge: Charge) -> tuple[ChargeLine, ...]:
    return tuple(
        ChargeLine(line.component, line.billed, line.unit_price, line.amount, charge.currency) for line in charge.lines
    )
