"""What one job's history amounts to: its events, its bills, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from queuebit_audit.charges import Authorised, Bill, Corrected
from queuebit_contracts.job import TERMINAL
from queuebit_contracts.usage import UsageRecord, is_final, prevailing, quantities
from queuebit_contracts.wire import Payload

__all__ = ["Job"]


_NOTHING = UsageRecord()


@dataclass(slots=True)
class Job:
    """One job's history: the names of its events, and the figures of its bill."""

    tenant: str
    job: str
    names: list[str] = field(default_factory=list)
    """Of its events, in order."""
    first_submission: int | None = None
    """The sequence of its first submission."""
    last: int = 0
    """The sequence of its newest event."""
    key: str = ""
    """The public key under its newest submission."""
    permitted: bool = False
    """Whether the user of that key could submit when it was submitted."""
    backend: str | None = None
    """The backend of its last placement."""
    authorised: Authorised | None = None
    usage: UsageRecord = _NOTHING
    reason: str | None = None
    """The code of its failure, if it failed."""
    circuits: dict[int, Payload] = field(default_factory=dict)
    """By sequence of the submission: circuits in the payload store."""
    result: Payload | None = None
    """Its place in the payload store."""
    bills: list[Bill] = field(default_factory=list)
    reports: dict[int, UsageRecord] = field(default_factory=dict)
    """Usage that came after its end, by revision."""
    corrections: list[Corrected] = field(default_factory=list)
    """Of its bill, in the order of the log."""

    @property
    def subject(self) -> str:
        """Its name in findings."""
        return f"{self.tenant}/{self.job}"

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
        last: Bill | Corrected = self.corrections[-1] if self.corrections else self.bills[0]
        usage = self.reports[revision]
        known = quantities(usage) == quantities(last.usage) and is_final(usage) is last.final
        return None if known or (last.final and not is_final(usage)) else revision

    def charge(self, revision: int) -> Decimal | None:
        """The charge after so many corrections."""
        if revision:
            return next((Decimal(it.charge.amount) for it in self.corrections if it.revision == revision), None)
        return Decimal(self.bills[0].charge.amount) if self.bills else None

    @property
    def accepted_submission(self) -> int | None:
        """The sequence of the submission that the broker accepted; older versions accepted the first."""
        return None if self.authorised is None else self.authorised.submission or self.first_submission

    @property
    def ends(self) -> list[str]:
        """The names of its terminal events; more than one is the gravest fault."""
        return [name for name in self.names if name in TERMINAL]

    @property
    def finished(self) -> bool:
        """Whether no event is missing: ended, metered and sealed, with all usage that came later."""
        receipts = {f"sealed {it.revision}" for it in self.corrections}
        names = set(self.names)
        return {"metered", "sealed", *receipts} <= names and not names.isdisjoint(TERMINAL) and self.unbilled is None
