"""Authorised and consumed quantities of a job, in integers."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MAX_COUNT", "Bounds", "Usage"]

MAX_COUNT: Final = 10**15
"""The largest number of anything that is authorised or counted here."""

_Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
_Some = Annotated[int, Field(strict=True, ge=1, le=MAX_COUNT)]


class _Measured(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Bounds(_Measured):
    """The authorised quantities of a job; more is never billed."""

    tasks: _Some | None = None
    """The most tasks that the vendor bills; None where a job is one task, whatever the vendor counts."""
    shots: _Some
    qpu_us: _Count
    """Upper bound of the time on the backend, in microseconds."""
    qubits: _Count
    gates_1q: _Count = 0
    """Upper bound of gates on one qubit, of all shots together."""
    gates_2q: _Count = 0
    measurements: _Count = 0
    """Upper bound of preparations, resets and measurements of qubits, of all shots together."""

    def exhausted(self) -> Usage:
        """Return the usage that reaches every bound."""
        return Usage(
            tasks=self.tasks or 1,
            shots_requested=self.shots,
            shots_completed=self.shots,
            qpu_us=self.qpu_us,
            qubits=self.qubits,
            gates_1q=self.gates_1q,
            gates_2q=self.gates_2q,
            measurements=self.measurements,
        )


class Usage(_Measured):
    """The final usage of a job, from the executor.

    More shots than requested are recorded but not billed.
    """

    tasks: _Count = 1
    """Tasks that ran; 0 if the job did not reach the backend."""
    shots_requested: _Count
    shots_completed: _Count
    qpu_us: _Count
    """Time on the backend, in microseconds."""
    qubits: _Count
    """Qubits that the job used."""
    gates_1q: _Count = 0
    """Gates on one qubit, of all shots together."""
    gates_2q: _Count = 0
    measurements: _Count = 0
    """Preparations, resets and measurements of qubits, of all shots together."""

    def within(self, bounds: Bounds) -> Usage:
        """Return this usage limited to the bounds."""
        return Usage(
            tasks=min(self.tasks, bounds.tasks or 1),
            shots_requested=min(self.shots_requested, bounds.shots),
            shots_completed=min(self.shots_completed, bounds.shots),
            qpu_us=min(self.qpu_us, bounds.qpu_us),
            qubits=min(self.qubits, bounds.qubits),
            gates_1q=min(self.gates_1q, bounds.gates_1q),
            gates_2q=min(self.gates_2q, bounds.gates_2q),
            measurements=min(self.measurements, bounds.measurements),
        )
