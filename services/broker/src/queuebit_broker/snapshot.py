"""What the broker decides over: a submission, and the world at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from queuebit_broker.accounts import OpenHold
from queuebit_broker.budgets import Budgets
from queuebit_broker.eligibility import Tariff
from queuebit_broker.quotas import QuotaLeft
from queuebit_broker.reservations import KnownReservation
from queuebit_broker.sessions import KnownSession
from queuebit_broker.state import Profiled
from queuebit_contracts.backend import Registration
from queuebit_contracts.delegations import Authority
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Submission
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money

__all__ = ["Cap", "Request", "Snapshot"]


@dataclass(frozen=True, slots=True)
class Request:
    """A submission in the log. The server guarantees the subject; the data are a claim until verified."""

    tenant: str
    job: str
    submission: Submission
    signed: bool
    """The signature is by the key it names, over exactly these data."""
    known_algorithm: bool
    """Whether this version can check signatures of that algorithm at all."""
    provenance: str | None
    """Digest of the data without the signature; the receipt names it. None if the data have no canonical form, and
    so no signature either."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The cap of a session."""

    left: Money
    """What another job of it may hold."""
    budgets: tuple[str, ...]
    """The budgets that its hold counts against: what the job counts against them is reserved there."""
    open: bool = True
    """Whether the session is open; after its end nothing is reserved, and the account must have the money."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world at the moment of a decision."""

    now: datetime
    directory: Directory
    tariff: Tariff
    backends: Mapping[str, Registration]
    profiled: Profiled
    others_active: int
    """Jobs of the tenant, this one aside, that are accepted and have not ended."""
    available: Money
    """What the account may still hold, in the currency of the price book."""
    budgets: Budgets
    """What may still be held against each budget that the job counts against beside its account."""
    existing_hold: OpenHold | None
    """What is held for this job already: an earlier try ended between hold and acceptance."""
    hold_closed: bool
    """What was held for this job is settled or went back."""
    max_source_bytes: int
    quotas: tuple[QuotaLeft, ...] = ()
    """What each quota that the job counts against has left."""
    session: KnownSession | None = None
    """The session that the submission names, as the submission found it; None if it is unknown."""
    slot: KnownReservation | None = None
    """The reservation that the submission names; None if it is unknown."""
    cap: Cap | None = None
    """The cap of that session; while it is open, it has reserved what the job may hold."""
    interrupted: Mapping[str, datetime] = field(default_factory=dict)
    """Backends that are out of service, and since when."""
    submitted_at: datetime | None = None
    """When the log stored the submission; None: now. Deadlines of projects count from it."""
    flags: tuple[str, ...] | None = None
    """What rules of data protection found in the submission that refuse nothing; None: nothing."""
    delegated: Authority | Reason | None = None
    """What the delegated key that signed the submission may do, or why nothing; None if it names no delegation."""

    @property
    def left(self) -> Money:
        """What its account has to spend on this job, or what its session reserved there."""
        if self.existing_hold:
            return self.existing_hold.amount
        return self.cap.left if self.cap is not None and self.cap.open else self.available

    @property
    def cap_left(self) -> Money | None:
        """What the cap of its session has left for this job; None without a cap."""
        if self.cap is None:
            return None
        return self.existing_hold.amount if self.existing_hold else self.cap.left

    @property
    def limits(self) -> Budgets:
        """What each of its budgets has to spend on this job; what is held already was counted then."""
        return Budgets() if self.existing_hold else self.budgets
