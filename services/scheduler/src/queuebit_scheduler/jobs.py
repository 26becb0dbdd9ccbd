"""What the scheduler keeps of a job between its acceptance and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from sys import intern

from queuebit_contracts.job import JobAccepted, Profile
from queuebit_scheduler.snapshot import Key

__all__ = ["Bid", "Job", "Outstanding", "Size"]

Size = tuple[int, int]
"""Jobs of one size take about as long on one backend: same qubits, same power of two of depth x shots."""

_IDEAL_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Bid:
    """What a candidate promised at admission."""

    qpu_us: int
    esp_ppm: int
    cost_rank: int
    """0 for the cheapest candidates of the job, 1 for the next price, and so on."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted job: what deciding and placing need, and nothing of the circuit."""

    tenant: str
    project: str
    job: str
    sequence: int
    """Of its acceptance."""
    after: int
    """Of the newest event that decides where it runs: its acceptance, or a placement. The next is guarded by it."""
    accepted_at: datetime
    submitted_at: datetime
    shots: int
    circuit: str
    seed: int
    size: Size
    bids: Mapping[str, Bid]
    provenanceid: str | None
    traceparent: str | None

    @property
    def key(self) -> Key:
        return self.tenant, self.job

    @classmethod
    def of(cls, event: JobAccepted, sequence: int) -> Job:
        """Keep what matters of an acceptance; an ideal simulator has no success probability and counts as certain."""
        data = event.data
        prices = sorted({Decimal(it.hold) for it in data.candidates})
        return cls(
            tenant=intern(data.tenant),
            project=intern(data.project),
            job=data.job,
            sequence=sequence,
            after=sequence,
            accepted_at=event.time,
            submitted_at=data.submitted_at,
            shots=data.shots,
            circuit=data.circuit,
            seed=data.seed,
            size=_size(data.profile, data.shots),
            bids={
                intern(it.backend): Bid(
                    it.qpu_us, _IDEAL_PPM if it.esp_ppm is None else it.esp_ppm, prices.index(Decimal(it.hold))
                )
                for it in sorted(data.candidates, key=lambda candidate: candidate.backend)
            },
            provenanceid=event.provenanceid,
            traceparent=event.traceparent,
        )


@dataclass(slots=True)
class Outstanding:
    """A job that took a place and has not ended."""

    job: Job
    backend: str
    expected_us: int
    confirmed: bool = False
    """Whether the log has shown the placement."""
    started_at: datetime | None = None


def _size(profile: Profile, shots: int) -> Size:
    return profile.qubits, (max(1, profile.depth) * shots).bit_length()
