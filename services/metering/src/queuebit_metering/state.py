"""What a job's history says when it is time to bill it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Acceptance, JobAccepted, JobMetered, JobPlaced, JobSubmitted, Metering

__all__ = ["Job", "evolve", "job_of"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as billing sees it."""

    project: str | None = None
    accepted: Acceptance | None = None
    """On what terms it was admitted, if it was."""
    backend: str | None = None
    """Where it was placed, if it was."""
    metered: Metering | None = None
    """Its bill, if an earlier delivery got that far."""


def evolve(job: Job, event: AnyEvent) -> Job:
    """Fold one event of the job's own history."""
    match event:
        case JobSubmitted() if job.accepted is None:  # who submits again cannot move the bill to another account
            return replace(job, project=event.data.project)
        case JobAccepted():
            return replace(job, project=event.data.project, accepted=event.data)
        case JobPlaced():
            return replace(job, backend=event.data.backend)
        case JobMetered():
            return replace(job, metered=event.data)
        case _:
            return job


def job_of(events: Iterable[AnyEvent]) -> Job:
    """Fold a whole history, oldest first."""
    job = Job()
    for event in events:
        job = evolve(job, event)
    return job
