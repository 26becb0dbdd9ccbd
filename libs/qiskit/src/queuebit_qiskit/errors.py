"""Errors of jobs: those of Queuebit, which are those of Qiskit too, so that code of either kind catches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qiskit.providers import JobError
from qiskit.providers.exceptions import JobTimeoutError

from queuebit import JobFailed, Refused, StillRunning

__all__ = ["JobFailure", "JobRefused", "JobTimeout", "as_qiskit_errors"]


class JobRefused(Refused, JobError):  # type: ignore[misc]  # Qiskit has no types
    """The platform refused the job; `reasons` has every reason."""

    __str__ = Exception.__str__


class JobFailure(JobFailed, JobError):  # type: ignore[misc]  # as above
    """The job, or items of it, have no result; `reason` says why."""

    __str__ = Exception.__str__


class JobTimeout(StillRunning, JobTimeoutError):  # type: ignore[misc]  # as above
    """The wait timed out; the job continues."""

    __str__ = Exception.__str__


@contextmanager
def as_qiskit_errors() -> Iterator[None]:
    """Raise errors of jobs as errors of Qiskit too; others, such as `InvalidInput`, a `ValueError`, stay."""
    try:
        yield
    except Refused as error:
        raise JobRefused(error.reasons, job=error.job) from error
    except JobFailed as error:
        raise JobFailure(error.job, error.reason) from error
    except StillRunning as error:
        raise JobTimeout(str(error)) from error
