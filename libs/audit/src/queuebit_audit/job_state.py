"""What one job's history amounts to: what was authorised, its bills, what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from queuebit_contracts.job import TERMINAL, Acceptance, Charge, Correction, Metering, Usage
from queuebit_contracts.usage import is_final, prevailing, quantities
from queuebit_contracts.wire import Amount, Payload
from queuebit_pricing import Outcome
from queuebit_scheduling import cost_ranks

__all__ = [
    "Authorised",
    "Bill",
    "Job",
    "authorised",
    "bill",
]


@dataclass(frozen=True, slots=True)
class Authorised:
    """What the broker authorised: how much may run where, and the hold."""

    shots: int
    qubits: int
    bounds: dict[str, tuple[str, int]]
    """By backend: the price, and the most QPU time in microseconds."""
    hold: Amount
    submission: int | None
    accepted_us: int
    sequence: int
    """Of the acceptance."""
    cost_ranks: dict[str, int]
    """By backend, as decisions rank them."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of a job."""

    state: Outcome
    usage: Usage
    charge: Charge
    hold: Amount | None
    final: bool
    """Whether nothing of it can change any more, short of a correction."""


@dataclass(slots=True)
class Job:
    """One job's history: sequences and names of its events, and the figures of its bill."""

    tenant: str
    job: str
    events: list[tuple[int, str]] = field(default_factory=list)
    key: str = ""
    """The public key under its newest submission."""
    permitted: bool = False
    """Whether the user of that key could submit when it was submitted."""
    backend: str | None = None
    """The backend of its last placement."""
    authorised: Authorised | None = None
    usage: Usage = field(default_factory=Usage)
    circuits: dict[int, Payload] = field(default_factory=dict)
    """By sequence of the submission: circuits in the payload store."""
    result: Payload | None = None
    """Its place in the payload store."""
    bills: list[Bill] = field(default_factory=list)
    reports: dict[int, Usage] = field(default_factory=dict)
    """Usage that came after its end, by revision."""
    corrections: list[Correction] = field(default_factory=list)
    """Of its bill, in the order of the log."""

    @property
    def provisional(self) -> bool:
        """Whether its last bill waits for final usage, so that its hold stays."""
        last = self.corrections[-1] if self.corrections else next(iter(self.bills), None)
        return last is not None and not last.final and self.authorised is not None

    @property
    def unbilled(self) -> int | None:
        """The revision of the usage report that its bill does not include yet."""
        revision = prevailing(self.reports)
        if revision is None or not self.bills:
            return None
        last: Bill | Correction = self.corrections[-1] if self.corrections else self.bills[0]
        usage = self.reports[revision]
        known = quantities(usage) == quantities(last.usage) and is_final(usage) is last.final
        return None if known or (last.final and not is_final(usage)) else revision

    def charge(self, revision: int) -> Decimal | None:
        """The charge after so many corrections."""
        if revision:
            return next((Decimal(it.charge.amount) for it in self.corrections if it.revision == revision), None)
        return Decimal(self.bills[0].charge.amount) if self.bills else None

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.events]

    @property
    def accepted_submission(self) -> int | None:
        """The sequence of the submission that the broker accepted; older versions accepted the first."""
        if self.authorised is None:
            return None
        return self.authorised.submission or next((at for at, name in self.events if name == "submitted"), None)

    @property
    def ends(self) -> list[str]:
        """The names of its terminal events; more than one is the gravest fault."""
        return [name for _, name in self.events if name in TERMINAL]

    @property
    def finished(self) -> bool:
        """Whether no event is missing: ended, metered and sealed, with all usage that came later."""
        names = set(self.names)
        receipts = {f"sealed {it.revision}" for it in self.corrections}
        return {"metered", "sealed", *receipts} <= names and not names.isdisjoint(TERMINAL) and self.unbilled is None


def authorised(data: Acceptance, accepted_us: int, sequence: int) -> Authorised:
    """What the broker authorised, from its acceptance at a sequence of the log."""
    return Authorised(
        shots=data.profile.shots or data.shots,
        qubits=data.profile.qubits,
        bounds={it.backend: (it.price, it.qpu_us) for it in data.candidates},
        hold=data.hold,
        submission=data.submission,
        accepted_us=accepted_us,
        sequence=sequence,
        cost_ranks=cost_ranks({it.backend: Decimal(it.hold) for it in data.candidates}),
    )


def bill(data: Metering) -> Bill:
    """The first bill of a job."""
    return Bill(data.state, data.usage, data.charge, data.hold, data.final is not False)
