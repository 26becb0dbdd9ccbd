"""The events that the hybrid service appends. Ids are derived, so that a repeat is recognised."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from queuebit_contracts.hybrid import (
    HybridAcceptance,
    HybridAccepted,
    HybridCancellation,
    HybridCancelled,
    HybridCompleted,
    HybridCompletion,
    HybridFailed,
    HybridFailure,
    HybridStart,
    HybridStarted,
)
from queuebit_contracts.wire import Payload
from queuebit_hybrid.policy import Cancel, Fail, Finish
from queuebit_hybrid.usage_file import Progress
from queuebit_kernel import event_id
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["ended", "started"]

_SOURCE = "qb/hybrid"


def started(accepted: HybridAccepted, attempt: int, service: str) -> HybridStarted:
    """An attempt begins."""
    it = accepted.data
    return HybridStarted(
        **_envelope(accepted, "started", str(attempt)),
        data=HybridStart(tenant=it.tenant, hybrid=it.hybrid, attempt=attempt, service=service),
    )


def ended(
    accepted: HybridAccepted,
    how: Fail | Cancel | Finish,
    *,
    attempt: int,
    started_at: datetime | None,
    progress: Progress,
    result: Payload | None,
) -> HybridCompleted | HybridFailed | HybridCancelled:
    """It ended."""
    common = _common(accepted.data, attempt, started_at, progress)
    match how:
        case Finish():
            data = HybridCompletion(**common, result=result)
            return HybridCompleted(**_envelope(accepted, "completed"), data=data)
        case Fail(reason):
            return HybridFailed(**_envelope(accepted, "failed"), data=HybridFailure(**common, reason=reason))
        case Cancel(stop):
            cancellation = HybridCancellation(**common, by=stop.by, delegation=stop.delegation, reason=stop.reason)
            return HybridCancelled(**_envelope(accepted, "cancelled"), data=cancellation)


def _envelope(accepted: HybridAccepted, *name: str) -> dict[str, Any]:  # fields of an event
    return {
        "id": event_id("hybrid", *name, accepted.data.tenant, accepted.data.hybrid),
        "source": _SOURCE,
        "traceparent": current_traceparent(),
        "provenanceid": accepted.provenanceid,
    }


def _common(
    job: HybridAcceptance, attempt: int, started_at: datetime | None, progress: Progress
) -> dict[str, Any]:  # fields of an end
    return {
        "tenant": job.tenant,
        "hybrid": job.hybrid,
        "attempt": attempt,
        "usage": progress.usage,
        "output": progress.output,
        "terms": job.terms,
        "submitted_at": job.submitted_at,
        "started_at": started_at,
    }
