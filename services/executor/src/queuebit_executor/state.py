"""What an executor knows of one job, folded from the job's history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from queuebit_contracts.job import (
    Dispatch,
    Ended,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobPlaced,
    JobStarted,
    JobSubmitted,
    JobUsageReported,
    JobWithdrawn,
    Usage,
)
from queuebit_contracts.usage import is_final
from queuebit_runtime.log import Stored

__all__ = ["Mark", "Past", "evolve", "recall"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Which attempt, and when it began."""

    number: int
    started_at: datetime
    executor: str
    """The executor that made it."""


@dataclass(frozen=True, slots=True)
class Past:
    """The state that the next step depends on."""

    tail: int = 0
    """Sequence of the job's newest event."""
    newest_at: datetime | None = None
    """When that happened; None where no event can be read."""
    submitted: Stored | None = None
    """The newest submission, in any state."""
    accepted: int | None = None
    """Sequence of the submission that was accepted; None from older brokers."""
    qubits: int = 0
    """Of the circuit that was accepted."""
    placed: int = 0
    """Sequence of the newest placement: the only one that is work."""
    withdrawn: int = 0
    """Sequence of the newest withdrawal: a placement before it is no work any more."""
    attempt: Mark | None = None
    """The newest."""
    dispatches: tuple[Dispatch, ...] = ()
    """The dispatches to a vendor, of all placements and all their parts."""
    ended: bool = False
    cancelled: bool = False
    usage: Usage | None = None
    """Of the job's end."""
    usage_final: bool = True
    """Whether the newest statement of the usage cannot change any more."""
    reports: int = 0
    """Usage reports so far."""


def evolve(past: Past, stored: Stored) -> Past:
    """Take one event into account; in order of sequence."""
    moment = getattr(stored.event, "time", past.newest_at)
    past = replace(past, tail=max(past.tail, stored.sequence), newest_at=moment)
    match stored.event:
        case JobSubmitted():
            return replace(past, submitted=stored)
        case JobAccepted(data=acceptance):
            return replace(past, accepted=acceptance.submission, qubits=acceptance.profile.qubits)
        case JobPlaced():
            return replace(past, placed=max(past.placed, stored.sequence))
        case JobWithdrawn():
            return replace(past, withdrawn=max(past.withdrawn, stored.sequence))
        case JobStarted(data=start, time=moment):
            return replace(past, attempt=Mark(start.attempt, moment, start.executor))
        case JobDispatched(data=dispatch):
            return replace(past, dispatches=(*past.dispatches, dispatch))
        case JobUsageReported(data=report):
            return replace(past, reports=max(past.reports, report.revision), usage_final=is_final(report.usage))
        case JobCompleted(data=end) | JobFailed(data=end):
            return replace(past, ended=True, usage=end.usage, usage_final=is_final(end.usage))
        case JobCancelled():
            return replace(past, ended=True, cancelled=True, usage_final=False)
        case it if isinstance(it, Ended):
            return replace(past, ended=True)
        case _:
            return past


def recall(history: Iterable[Stored]) -> Past:
    """Fold a whole history."""
    past = Past()
    for stored in history:
        past = evolve(past, stored)
    return past
