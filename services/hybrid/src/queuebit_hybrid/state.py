"""What a hybrid job's history says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import (
    HybridAccepted,
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridRejected,
    HybridStart,
    HybridStarted,
    HybridStopRequest,
    HybridStopRequested,
)

__all__ = ["HybridJob", "job_of"]


@dataclass(frozen=True, slots=True)
class HybridJob:
    """A hybrid job as the service sees it."""

    accepted: HybridAccepted | None = None
    started: HybridStart | None = None
    """Its last attempt."""
    stop: HybridStopRequest | None = None
    """The request to stop it; None if there is none."""
    ended: bool = False


def evolve(job: HybridJob, event: AnyEvent) -> HybridJob:
    """Fold one event of its history."""
    match event:
        case HybridAccepted():
            return replace(job, accepted=event)
        case HybridStarted():
            return replace(job, started=event.data)
        case HybridStopRequested():
            return replace(job, stop=event.data)
        case HybridCompleted() | HybridFailed() | HybridCancelled() | HybridRejected():
            return replace(job, ended=True)
        case _:
            return job


def job_of(events: Iterable[AnyEvent]) -> HybridJob:
    """Fold a whole history, oldest first."""
    job = HybridJob()
    for event in events:
        job = evolve(job, event)
    return job
