"""Jobs: handles that any process can make from the id, with their bill, their receipt and their calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qiskit.primitives import BasePrimitiveJob, PrimitiveResult
from qiskit.providers import JobError, JobStatus, JobV1
from qiskit.result import Result

from queuebit import ItemResult, Job, Money, Reason, Receipt
from queuebit.records import ENDS
from queuebit_qiskit.errors import JobFailure, as_qiskit_errors
from queuebit_qiskit.estimation import estimator_result
from queuebit_qiskit.results import circuits_result
from queuebit_qiskit.sampling import sampler_result

if TYPE_CHECKING:
    from queuebit_qiskit.backend import QueuebitBackend
    from queuebit_qiskit.service import QueuebitService

__all__ = ["CircuitJob", "PrimitiveJob"]

_STATUS: Final = {
    "submitted": JobStatus.VALIDATING,
    "accepted": JobStatus.QUEUED,
    "placed": JobStatus.QUEUED,
    "dispatched": JobStatus.QUEUED,
    "started": JobStatus.RUNNING,
    "completed": JobStatus.DONE,
    "cancelled": JobStatus.CANCELLED,
    "failed": JobStatus.ERROR,
    "rejected": JobStatus.ERROR,
    "expired": JobStatus.ERROR,
}
_BILL_S: Final = 30.0

_PUB_RESULTS: Final[Mapping[str, Callable[[Mapping[str, Any], Iterator[ItemResult]], Any]]] = {
    "sampler": sampler_result,
    "estimator": estimator_result,
}


class _Handle:
    """What all jobs have."""

    def __init__(
        self, service: QueuebitService, job: Job, backend: str | None, notes: Sequence[dict[str, Any]]
    ) -> None:
        self._service = service
        self._job = job
        self._on = backend
        self._notes = notes
        self._items: tuple[ItemResult, ...] | None = None

    def __repr__(self) -> str:
        on = f" on {self._on}" if self._on else ""
        return f"<{type(self).__name__} {self._job.id}{on}>"

    @property
    def queuebit_job(self) -> Job:
        """The same job in Queuebit's own client."""
        return self._job

    def status(self) -> JobStatus:
        """The current status; a refused job has the status `ERROR`."""
        return _STATUS[self._job.status().state]

    def done(self) -> bool:
        """Whether it has a result."""
        return self.status() is JobStatus.DONE

    def running(self) -> bool:
        """Whether it runs."""
        return self.status() is JobStatus.RUNNING

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.status() is JobStatus.CANCELLED

    def in_final_state(self) -> bool:
        """Whether it has ended."""
        return self._job.status().ended

    def backend(self) -> QueuebitBackend:
        """Where it runs: the backend it asked for, or the one it was placed on."""
        return self._service.backend(self._on or self._job.wait().backend or "")

    def cancel(self, reason: str = "") -> bool:
        """Request cancellation and wait for the end; return whether it was cancelled."""
        with as_qiskit_errors():
            return self._job.cancel(reason).state == "cancelled"

    def reasons(self) -> tuple[Reason, ...]:
        """Every reason of a refusal, failure or cancellation."""
        return self._job.status().reasons

    def error_message(self) -> str | None:
        """The reasons as text; None if there are none."""
        return "; ".join(it.text for it in self.reasons()) or None

    def charge(self, timeout: float | None = _BILL_S) -> Money:
        """Wait for the bill, which follows the end shortly, and return its newest amount; 0 for a refused job."""
        with as_qiskit_errors():
            return self._job.charge(timeout)

    def receipt(self, timeout: float | None = _BILL_S) -> Receipt:
        """Wait for the receipt, which follows the bill shortly."""
        with as_qiskit_errors():
            return self._job.receipt(timeout)

    @property
    def calibration(self) -> str | None:
        """The digest of the calibration that it ran with, as in `backend.calibration`; None on ideal simulators."""
        with as_qiskit_errors():
            return getattr(self._job.until(ENDS).data, "calibration", None)

    def items(self, timeout: float | None = None) -> tuple[ItemResult, ...]:
        """Wait for the end, and return what each run returned, in order: also if some of them failed."""
        if self._items is None:
            with as_qiskit_errors():
                self._items = self._job.result(timeout).items
        return self._items


class PrimitiveJob(_Handle, BasePrimitiveJob):  # type: ignore[misc]  # Qiskit has no types
    """A job of `SamplerV2` or `EstimatorV2`."""

    def __init__(
        self, service: QueuebitService, job: Job, backend: str | None, kind: str, notes: Sequence[dict[str, Any]]
    ) -> None:
        _Handle.__init__(self, service, job, backend, notes)
        BasePrimitiveJob.__init__(self, job.id)
        self._kind = kind

    @property
    def primitive_id(self) -> str:
        """`sampler` or `estimator`."""
        return self._kind

    def result(self, timeout: float | None = None) -> PrimitiveResult:
        """Wait for the result.

        Args:
            timeout: seconds; default: no limit.

        Raises:
            JobRefused: the platform refused the job; `reasons` has every reason.
            JobFailure: it failed or was cancelled, or one of its runs has no result; `items()` has the others.
            JobTimeout: it did not end in time; it continues.
        """
        items = self.items(timeout)
        if failed := [it for it in items if it.state != "completed"]:
            first = failed[0].reason or Reason("failed", "no reason is given")
            text = (
                f"{len(failed)} of {len(items)} runs have no result; the first is run {failed[0].number}: {first.text}"
            )
            raise JobFailure(self._job_id, Reason(first.code, text))
        left = iter(items)
        return PrimitiveResult([_PUB_RESULTS[self._kind](note, left) for note in self._notes], {"version": 2})


class CircuitJob(_Handle, JobV1):  # type: ignore[misc]  # as above
    """A job of `backend.run`."""

    def __init__(
        self, service: QueuebitService, job: Job, backend: str | None, notes: Sequence[dict[str, Any]]
    ) -> None:
        _Handle.__init__(self, service, job, backend, notes)
        JobV1.__init__(self, None, job.id)

    def submit(self) -> None:
        """Raise an error: a job is submitted when it is made."""
        raise JobError(f"job {self._job_id} is submitted already: call backend.run(...) for a new one")

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result, which says of each circuit whether it succeeded; raises as `PrimitiveJob.result`."""
        return circuits_result(self._job_id, self._on or "", self._notes, self.items(timeout))
