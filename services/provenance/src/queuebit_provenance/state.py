"""What passes from the signing of a statement to its place in the log."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_proof import entry_of

__all__ = ["Attestation"]


@dataclass(frozen=True, slots=True)
class Attestation:
    """The signed statement about one job, on its way into the log."""

    tenant: str
    job: str
    envelope: bytes
    provenanceid: str
    """The request that the statement names; an event that led here may hold any text of any length instead."""
    traceparent: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Whose it is: a job has one leaf, however often it is attested."""
        return self.tenant, self.job

    @property
    def entry(self) -> bytes:
        """What the log keeps of it."""
        return entry_of(self.envelope)
