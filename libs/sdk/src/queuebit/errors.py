"""What can go wrong, as one tree. Every text says what happened and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit.text import visible

__all__ = [
    "Conflict",
    "Forbidden",
    "InvalidInput",
    "JobFailed",
    "NotFound",
    "QueuebitError",
    "Reason",
    "Refused",
    "StillRunning",
    "Unanswered",
    "Unreachable",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was refused or failed: `code` for machines, `text` for people."""

    code: str
    text: str


class QueuebitError(Exception):
    """Anything this package raises on purpose.

    QueuebitError
    ├── InvalidInput   what you gave cannot be sent; nothing was
    ├── Unreachable    the platform did not answer; asking again is safe
    ├── NotFound       there is no such job, credential or receipt
    ├── Conflict       the same key already names a job with other content
    ├── Refused        the platform said no; `reasons` holds every reason at once
    ├── JobFailed      the job ended without a result
    └── StillRunning   the job did not get there in the time you gave; it goes on
    """


class InvalidInput(QueuebitError, ValueError):
    """What was given cannot be sent."""


class Unreachable(QueuebitError, ConnectionError):
    """The platform did not answer; the same call is safe to repeat."""


class Unanswered(Unreachable):
    """The server is there, and no service that answers this: it may be starting."""


class NotFound(QueuebitError, LookupError):
    """There is no such thing, or it is not yours to see."""


class Conflict(QueuebitError):
    """The idempotency key already names a job with other content."""


class Refused(QueuebitError):
    """The platform said no."""

    def __init__(self, reasons: Sequence[Reason], *, job: str | None = None) -> None:
        self.reasons = tuple(reasons)
        self.job = job
        text = "; ".join(reason.text for reason in self.reasons)
        super().__init__(visible(f"job {job} was rejected: {text}" if job else text))


class Forbidden(Refused):
    """The server does not let this user send to a subject."""


class JobFailed(QueuebitError):
    """The job ended without a result: it failed or was cancelled."""

    def __init__(self, job: str, reason: Reason) -> None:
        self.job = job
        self.reason = reason
        super().__init__(visible(f"job {job}: {reason.text}"))


class StillRunning(QueuebitError, TimeoutError):
    """The wait ended, not the job."""
