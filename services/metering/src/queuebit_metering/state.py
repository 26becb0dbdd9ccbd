"""What a job's history says when it is time to bill it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Acceptance,
    Charge,
    Correction,
    Fallback,
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobStarted,
    JobSubmitted,
    JobUsageReported,
    Metering,
    Terms,
    Usage,
    UsageReport,
)
from queuebit_contracts.usage import prevailing

__all__ = ["Job", "evolve", "job_of"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as billing sees it."""

    project: str | None = None
    accepted: Acceptance | None = None
    """On what terms it was admitted, if it was."""
    terms: Terms | None = None
    """The same for its backend, where its placement or its end carries them."""
    backend: str | None = None
    """Where it was placed, if it was."""
    fallback: Fallback | None = None
    """Which backends this one stood in for, if it was a fallback."""
    reason: str | None = None
    """The code of its failure, if it failed."""
    reports_usage: bool = False
    """Whether its last attempt promised to report what it used, should the job be cancelled."""
    metered: Metering | None = None
    """Its first bill, if there is one."""
    reports: Mapping[int, UsageReport] = field(default_factory=dict)
    """Usage that came after the end, by revision."""
    corrections: tuple[Correction, ...] = ()
    """Changes of the bill, oldest first."""

    @property
    def report(self) -> UsageReport | None:
        """The report that counts, if there is any."""
        revision = prevailing({revision: it.usage for revision, it in self.reports.items()})
        return None if revision is None else self.reports[revision]

    @property
    def usage(self) -> Usage:
        """The usage that the last bill states."""
        if self.corrections:
            return self.corrections[-1].usage
        return self.metered.usage if self.metered else Usage()

    @property
    def charge(self) -> Charge | None:
        """The last charge; None before the first bill."""
        if self.corrections:
            return self.corrections[-1].charge
        return self.metered.charge if self.metered else None

    @property
    def final(self) -> bool:
        """Whether the last bill is final, so that it is settled."""
        if self.corrections:
            return self.corrections[-1].final
        return self.metered is not None and self.metered.final is not False


def evolve(job: Job, event: AnyEvent) -> Job:
    """Fold one event of the job's own history; each is the only one of its subject."""
    match event:
        case JobSubmitted() if job.accepted is None:  # submitting again cannot move the bill to another account
            return replace(job, project=event.data.project)
        case JobAccepted():
            return replace(job, project=event.data.project, accepted=event.data)
        case JobPlaced():
            return replace(job, backend=event.data.backend, terms=event.data.terms, fallback=event.data.fallback)
        case JobStarted():
            return replace(job, reports_usage=bool(event.data.reports_usage))
        case JobCompleted() | JobFailed():
            terms = event.data.terms or job.terms
            reason = event.data.reason.code if isinstance(event, JobFailed) else None
            return replace(job, backend=event.data.backend, terms=terms, fallback=event.data.fallback, reason=reason)
        case JobMetered():
            return replace(job, metered=event.data)
        case JobUsageReported():
            return replace(job, reports={**job.reports, event.data.revision: event.data})
        case JobCorrected():
            kept = sorted((*job.corrections, event.data), key=lambda it: it.revision)
            return replace(job, corrections=tuple(kept))
        case _:
            return job


def job_of(events: Iterable[AnyEvent]) -> Job:
    """Fold a whole history, oldest first."""
    job = Job()
    for event in events:
        job = evolve(job, event)
    return job
