"""What the tasks of a device cost, as `braket.tracking.Tracker` says it; here these are the real charges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any

from queuebit import Job
from queuebit.series import JobSeries

__all__ = ["Tracker"]


class Tracker:
    """The tasks that a device is handed while this context is open."""

    def __init__(self, device: JobSeries, is_simulator: Callable[[str], bool]) -> None:
        """Made by `QueuebitDevice.tracker`; `is_simulator` says so of a backend by its name."""
        self._device = device
        self._is_simulator = is_simulator
        self._begin: int | None = None
        self._end: int | None = None

    def __enter__(self) -> Tracker:
        self._begin, self._end = len(self._device.jobs), None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = len(self._device.jobs)

    def qpu_tasks_cost(self) -> Decimal:
        """What its jobs on devices cost, emulated ones too; waits until they are billed."""
        return self._cost(simulators=False)

    def simulator_tasks_cost(self) -> Decimal:
        """What its jobs on simulators cost; waits until they are billed."""
        return self._cost(simulators=True)

    def quantum_tasks_statistics(self) -> dict[str, dict[str, Any]]:  # as Braket's
        """By backend: jobs by state, and shots."""
        found: dict[str, dict[str, Any]] = {}  # as Braket's
        for job in self._jobs:
            status = job.status()
            row = found.setdefault(status.backend or "not placed", {"shots": 0, "tasks": {}})
            row["shots"] += status.shots
            state = status.state.upper()
            row["tasks"][state] = row["tasks"].get(state, 0) + 1
        return found

    @property
    def _jobs(self) -> Sequence[Job]:
        return () if self._begin is None else self._device.jobs[self._begin : self._end]

    def _cost(self, *, simulators: bool) -> Decimal:
        found = Decimal(0)
        for job in self._jobs:
            charge, backend = job.charge(), job.status().backend
            if backend is not None and self._is_simulator(backend) == simulators:
                found += charge.amount
        return found
