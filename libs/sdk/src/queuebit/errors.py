"""The errors of this package. Every text says what happened and what to do next."""

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
    "NotVerified",
    "QueuebitError",
    "Reason",
    "Refused",
    "StillRunning",
    "Unanswered",
    "Unreachable",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of a refusal or failure: `code` for programs, `text` for people."""

    code: str
    text: str


class QueuebitError(Exception):
    """The base of all errors that this package raises on purpose.

    QueuebitError
    ├── InvalidInput   the input is invalid; nothing was sent
    ├── Unreachable    the platform did not answer; repeating the call is safe
    ├── NotFound       there is no such job, credential or receipt
    ├── Conflict       the same key already names a job with other content
    ├── Refused        the platform refused the request; `reasons` lists every reason
    ├── JobFailed      the job ended without a result
    ├── NotVerified    a signature does not hold, or is of another file
    └── StillRunning   the wait timed out; the job continues
    """


class InvalidInput(QueuebitError, ValueError):
    """The input is invalid; nothing was sent."""


class Unreachable(QueuebitError, ConnectionError):
    """The platform did not answer; the same call is safe to repeat."""


class Unanswered(Unreachable):
    """The server is up, but the service for this request is not; it may be starting."""


class NotFound(QueuebitError, LookupError):
    """There is no such object, or this user may not see it."""


class Conflict(QueuebitError):
    """The idempotency key already names a job with other content."""


class Refused(QueuebitError):
    """The platform refused the request."""

    def __init__(self, reasons: Sequence[Reason], *, job: str | None = None) -> None:
        self.reasons = tuple(reasons)
        self.job = job
        text = "; ".join(reason.text for reason in self.reasons)
        super().__init__(visible(f"job {job} was rejected: {text}" if job else text))


class Forbidden(Refused):
    """This user may not send to the subject."""


class JobFailed(QueuebitError):
    """The job ended without a result: it failed or was cancelled."""

    def __init__(self, job: str, reason: Reason) -> None:
        self.job = job
        self.reason = reason
        super().__init__(visible(f"job {job}: {reason.text}"))


class NotVerified(QueuebitError):
    """A signature is missing or wrong, or is of another file."""


class StillRunning(QueuebitError, TimeoutError):
    """The wait timed out; the job continues."""
