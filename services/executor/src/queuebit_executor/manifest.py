"""What an executor submitted to a vendor for each item of a program, so that its successor can read the outcomes."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from queuebit_contracts.job import Compilation, Dispatch
from queuebit_contracts.wire import Reason

__all__ = ["COMPILATION_LOST", "SUBMITTED", "Manifest", "SentItem", "manifest_of"]

SUBMITTED: Final = "application/vnd.queuebit.submitted+json"
"""Media type of a manifest."""

COMPILATION_LOST: Final = Reason(
    code="compilation_lost",
    text="the vendor ran it, but the executor that compiled it ended, and the backend no longer takes the circuit, so "
    "that no receipt could say what ran: submit it again",
)
"""The failure of a run that was found at a vendor without a record of its compilation."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class SentItem(_Document):
    """What was submitted for one item."""

    circuits: int = Field(default=0, ge=0)
    """Its circuits, which are as many outcomes at the vendor; 0 if it was refused before."""
    compilations: tuple[Compilation, ...] = ()
    """One for each circuit."""
    qubits: int = Field(default=0, ge=0)
    shots: int = Field(default=0, ge=0)
    """Of all its circuits."""
    reason: Reason | None = None
    """Why it has no result, whatever the vendor returns."""


class Manifest(_Document):
    """What was submitted together."""

    items: tuple[SentItem, ...]
    qpu_us: int = Field(default=0, ge=0)
    """The forecast of the device time of all of it, in microseconds."""
    rebuilt: bool = False
    """Whether it was compiled again, for a submission that the vendor has, or may have, without a record. Its outcomes
    are known by their place, and only if the vendor has one for each circuit."""

    @property
    def qubits(self) -> int:
        """Of the largest item."""
        return max((it.qubits for it in self.items), default=0)

    def content(self) -> bytes:
        """The stored form."""
        return self.model_dump_json(exclude_defaults=True).encode()


def manifest_of(taken: Dispatch, shots: int) -> Manifest:
    """The manifest of a dispatch of a single circuit, which is in the event itself."""
    known = (taken.compilation,) if taken.compilation is not None else ()
    reason = None if known else COMPILATION_LOST
    return Manifest(
        items=(SentItem(circuits=1, compilations=known, qubits=taken.qubits or 0, shots=shots, reason=reason),)
    )
