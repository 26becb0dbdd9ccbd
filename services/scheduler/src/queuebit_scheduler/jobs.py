"""What the scheduler keeps of a job between its acceptance and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from sys import intern

from queuebit_contracts.job import JobAccepted, Profile, Terms
from queuebit_contracts.wire import Amount, Payload
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
    price: str


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted job: what deciding and placing need."""

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
    program: Payload | None
    """What to run, where it is small or stored; the scheduler only hands it on."""
    hold: Amount
    price_book: str
    paid_shots: int
    """All shots that the hold pays for."""
    provenanceid: str | None
    traceparent: str | None

    @property
    def key(self) -> Key:
        return self.tenant, self.job

    def terms(self, backend: str) -> Terms:
        """What was accepted for one of the candidates."""
        bid = self.bids[backend]
        return Terms(
            project=self.project,
            price=bid.price,
            price_book=self.price_book,
            hold=self.hold,
            shots=self.paid_shots,
            qpu_us=bid.qpu_us,
            qubits=self.size[0],
        )

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
                    it.qpu_us,
                    _IDEAL_PPM if it.esp_ppm is None else it.esp_ppm,
                    prices.index(Decimal(it.hold)),
                    intern(it.price),
                )
                for it in sorted(data.candidates, key=lambda candidate: candidate.backend)
            },
            program=data.program,
            hold=data.hold,
            price_book=intern(data.price_book),
            paid_shots=data.profile.shots or data.shots,
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
    return profile.qubits, (max(1, profile.depth) * (profile.shots or shots)).bit_length()
