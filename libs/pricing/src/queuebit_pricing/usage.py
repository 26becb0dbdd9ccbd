"""What a job may use, and what it used: whole numbers only."""

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
    """The most that was authorised for a job; nothing beyond it is ever billed."""

    tasks: _Some = 1
    shots: _Some
    qpu_us: _Count
    """Microseconds on the backend, estimated from above."""
    qubits: _Count

    def exhausted(self) -> Usage:
        """Return the usage that reaches every bound."""
        return Usage(
            tasks=self.tasks,
            shots_requested=self.shots,
            shots_completed=self.shots,
            qpu_us=self.qpu_us,
            qubits=self.qubits,
        )


class Usage(_Measured):
    """What a job consumed, as the executor reported it: final, not "so far".

    More completed than requested is a fact worth keeping, not an error; the surplus is not billed.
    """

    tasks: _Count = 1
    """Tasks that ran; 0 for a job that never reached the backend."""
    shots_requested: _Count
    shots_completed: _Count
    qpu_us: _Count
    """Microseconds on the backend."""
    qubits: _Count
    """Qubits the job occupied."""

    def within(self, bounds: Bounds) -> Usage:
        """Return this usage cut down to the bounds."""
        return Usage(
            tasks=min(self.tasks, bounds.tasks),
            shots_requested=min(self.shots_requested, bounds.shots),
            shots_completed=min(self.shots_completed, bounds.shots),
            qpu_us=min(self.qpu_us, bounds.qpu_us),
            qubits=min(self.qubits, bounds.qubits),
        )
