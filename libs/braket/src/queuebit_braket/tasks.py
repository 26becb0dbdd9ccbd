"""Tasks: what `QueuebitDevice.run` returns at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from queuebit import Job, JobFailed, Result
from queuebit_braket.programs import Program
from queuebit_braket.results import TaskResult

__all__ = ["QueuebitTask", "QueuebitTaskBatch"]

_ENDED: Final = {
    "completed": "COMPLETED",
    "failed": "FAILED",
    "rejected": "FAILED",
    "cancelled": "CANCELLED",
    "expired": "FAILED",
}
_RUNNING: Final = "started"


class QueuebitTask:
    """One program that was handed in; several tasks of a batch are items of one job."""

    def __init__(self, job: Job, number: int, program: Program, shots: int, timeout: float | None) -> None:
        self.job = job
        """For its plan, events, charge and receipt."""
        self._number = number
        self._program = program
        self._shots = shots
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<QueuebitTask {self.id}>"

    @property
    def id(self) -> str:
        """Of the job, for `Client.job` in any process; with the number of its item in a batch."""
        return f"{self.job.id}/{self._number}" if self._number else self.job.id

    def state(self) -> str:
        """`QUEUED`, `RUNNING`, `COMPLETED`, `FAILED` or `CANCELLED`, of its job."""
        state = self.job.status().state
        return _ENDED.get(state, "RUNNING" if state == _RUNNING else "QUEUED")

    def cancel(self) -> None:
        """Cancel its job."""
        self.job.cancel()

    def result(self) -> TaskResult:
        """Wait for the result.

        Raises:
            Refused: the job was rejected; `reasons` holds all of them.
            JobFailed: it failed or was cancelled, or its item failed.
        """
        return self._read(self.job.result(self._timeout))

    def _read(self, result: Result) -> TaskResult:
        item = result.items[self._number]
        if item.reason is not None:
            raise JobFailed(result.job, item.reason)
        return TaskResult(self.job, result.backend, self._shots, item, self._program)


class QueuebitTaskBatch:
    """The tasks of one job."""

    def __init__(self, tasks: Sequence[QueuebitTask]) -> None:
        self.tasks = tuple(tasks)

    def results(self) -> list[TaskResult]:
        """Wait for all results; raises as `QueuebitTask.result`. The others ran and are paid, if one failed."""
        return [task.result() for task in self.tasks]
