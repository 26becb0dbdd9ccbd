"""Folds `LOG` into the state of jobs, accounts and receipts that the invariants need."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.backend import BackendCalibrated
from queuebit_contracts.catalog import CATALOG, NUMBERED
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.job import (
    TERMINAL,
    Acceptance,
    Charge,
    Completion,
    Correction,
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobSealed,
    JobSubmitted,
    JobUsageReported,
    Metering,
    Placement,
    Seal,
    Usage,
)
from queuebit_contracts.subjects import event_name, parse, subject_of
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_contracts.usage import is_final, prevailing, quantities
from queuebit_contracts.wire import Amount, Payload, UnknownEvent
from queuebit_kernel import InvalidId, require_token
from queuebit_pricing import Outcome
from queuebit_runtime.log import Stored
from queuebit_runtime.rows import Row, mark_of
from queuebit_scheduling import micros

__all__ = [
    "Authorised",
    "Bill",
    "CheckSeal",
    "Decision",
    "Entry",
    "Head",
    "History",
    "Job",
    "Leaf",
    "Placed",
    "Stray",
]

CheckSeal = Callable[[str, str, Seal], "str | None"]
"""Verifies the receipt of a tenant's job; returns the fault, if there is one."""

_BY_CLIENTS = frozenset(it.name for it in CATALOG.values() if "client" in it.appended_by)
"""Written by clients: their content is a claim until the broker has checked it."""


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an account: a movement between budget, hold and charge."""

    sequence: int
    name: str
    job: str
    """Empty when the budget itself changed."""
    currencies: tuple[str, ...]
    amount: Decimal
    """The amount funded or held, or the hold that ended."""
    settled: Decimal = Decimal(0)
    released: Decimal = Decimal(0)
    revision: int = 0
    """The correction of the bill that it follows from; 0 for the first bill."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A job's place in the transparency log."""

    tenant: str
    job: str
    index: int
    entry: bytes
    revision: int
    """The correction of the job's bill that its receipt includes; 0 for the first receipt."""
    statement: str
    supersedes: str | None
    """The statement of the receipt before."""
    trouble: str | None
    """The reason why its receipt does not verify."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head of the transparency log, and the number of leaves in `LOG` before it."""

    tree_size: int
    leaves: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement, as far as its decision determines it."""

    tenant: str
    job: str
    backend: str
    policy: str
    snapshot: str
    scores: tuple[tuple[str, int], ...]
    """By backend: expected completion in milliseconds."""

    @property
    def subject(self) -> str:
        return f"{self.tenant}/{self.job}"


@dataclass(frozen=True, slots=True)
class Decision:
    """One scheduling decision: what it was made from, and the placements that cite it."""

    payload: Payload
    placed: list[Placed]


@dataclass(frozen=True, slots=True)
class Stray:
    """An event under the wrong subject, or one that cannot be read."""

    sequence: int
    subject: str
    text: str
    by_client: bool
    """A client wrote it under its own subjects: harmless, because services ignore it."""


@dataclass(slots=True)
class History:
    """The state folded so far, in order of sequence."""

    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    accounts: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    calibrations: list[tuple[str, Payload]] = field(default_factory=list)
    """By backend: calibrations in the payload store."""
    decisions: dict[Payload, Decision] = field(default_factory=dict)
    undocumented: int = 0
    """Placements that do not say what they were decided from."""
    sequences: array[int] = field(default_factory=lambda: array("Q"))
    marks: array[int] = field(default_factory=lambda: array("Q"))
    """Marks of the rows that the messages make, in the order of `sequences`."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Events of types that this version does not know, by type: no harm, and nothing that can be checked."""
    directory: Directory = field(default_factory=Directory)
    """Who may do what, up to here."""
    knows_tenants: bool = False
    """Whether the log has facts about tenants up to here; version 0.1 kept tenants in a file alone."""
    unauthorised: list[tuple[str, str]] = field(default_factory=list)
    """By subject: what was accepted from a key whose user could not submit."""
    end: int = 0
    """The last sequence of `LOG` before it was read."""
    given_up: frozenset[int] = frozenset()
    """Sequences whose events are known to be lost."""

    def count(self, row: Row) -> None:
        """Record the row that the warehouse must have for the next message, whatever its content."""
        self.sequences.append(row.seq)
        self.marks.append(mark_of(row))

    def evolve(self, stored: Stored, check_seal: CheckSeal) -> None:
        """Fold the next event. The subject decides its tenant, because permissions guard subjects."""
        event, it = stored.event, parse(stored.subject)
        if isinstance(event, UnknownEvent):
            self.unknown[event.type] += 1
            return
        if (proper := subject_of(event)) != stored.subject:
            self._stray(stored.sequence, stored.subject, f"sequence {stored.sequence} holds an event of {proper}")
        match it.noun:
            case "job" if event_name(event.type) == it.event and _plain(it.id):
                label = " ".join((it.event, *it.qualifiers)) if it.event in NUMBERED else it.event
                self._job(stored, it.tenant, it.id, label, check_seal)
            case "account":
                self.accounts.setdefault((it.tenant, it.id), []).extend(_entries(stored))
            case "tenant" if isinstance(event, TenantEvent) and proper == stored.subject:
                self.directory.take(event)
                self.knows_tenants = True
            case "proof" if isinstance(event, LogCheckpointed):
                self.heads.append(Head(event.data.tree_size, len(self.leaves), event.data.checkpoint))
            case "backend" if isinstance(event, BackendCalibrated) and event.data.snapshot.inline is None:
                self.calibrations.append((event.data.backend, event.data.snapshot))

    def unreadable(self, subject: str, sequence: int, why: str) -> None:
        """Fold an event that breaks its contract."""
        self._stray(sequence, subject, f"sequence {sequence} cannot be read: {why}")

    def unfinished(self) -> int:
        """Jobs with missing events."""
        return sum(not job.finished for job in self.jobs.values())

    def undecided(self) -> set[str]:
        """Tenants with a job that was neither accepted nor ended."""
        return {it.tenant for it in self.jobs.values() if not it.authorised and not it.ends}

    def unplaced(self) -> set[str]:
        """Tenants with a job that has no backend yet."""
        return {it.tenant for it in self.jobs.values() if it.authorised and not it.backend and not it.ends}

    def _may_submit(self, job: Job) -> bool:
        user = self.directory.user(job.tenant, job.key)
        return user is not None and user[1] != "viewer"

    def _stray(self, sequence: int, subject: str, text: str) -> None:
        self.strays.append(Stray(sequence, subject, text, parse(subject).event in _BY_CLIENTS))

    def _job(self, stored: Stored, tenant: str, name: str, kind: str, check_seal: CheckSeal) -> None:
        job = self.jobs.get((tenant, name)) or self.jobs.setdefault((tenant, name), Job(tenant, name))
        job.events.append((stored.sequence, kind))
        match stored.event:
            case JobSubmitted(data=data):
                job.key = sys.intern(data.proof.key)  # few users, many jobs
                job.permitted = job.permitted or self._may_submit(job)
                if data.circuit.inline is None:
                    job.circuits[stored.sequence] = data.circuit
            case JobAccepted(data=data, time=time):
                job.authorised = _authorised(data, micros(time))
                if self.knows_tenants and not self.given_up and not (job.permitted or self._may_submit(job)):
                    text = f"sequence {stored.sequence} accepts what no user of {tenant} who may submit has signed"
                    self.unauthorised.append((stored.subject, text))
            case JobPlaced(data=data):
                job.backend = data.backend
                self._placed(tenant, name, data)
            case JobCompleted(data=data) | JobFailed(data=data):
                job.usage, job.backend = data.usage, data.backend
                if isinstance(data, Completion) and data.result.inline is None:
                    job.result = data.result
            case JobMetered(data=data):
                job.bills.append(_bill(data))
            case JobSealed(data=data):
                entry = bytes.fromhex(data.statement.removeprefix("sha256:"))
                trouble = check_seal(tenant, name, data)
                revision = data.revision or 0
                self.leaves.append(
                    Leaf(tenant, name, data.leaf_index, entry, revision, data.statement, data.supersedes, trouble)
                )
            case JobUsageReported(data=data):
                job.reports[data.revision] = data.usage
            case JobCorrected(data=data):
                job.corrections.append(data)

    def _placed(self, tenant: str, job: str, data: Placement) -> None:
        if data.decision is None:
            self.undocumented += 1
            return
        scores = tuple((it.backend, it.expected_ms) for it in data.scores)
        decision = self.decisions.setdefault(data.decision, Decision(data.decision, []))
        decision.placed.append(Placed(tenant, job, data.backend, data.policy, data.snapshot, scores))


def _authorised(data: Acceptance, accepted_us: int) -> Authorised:
    bounds = {it.backend: (it.price, it.qpu_us) for it in data.candidates}
    return Authorised(
        data.profile.shots or data.shots, data.profile.qubits, bounds, data.hold, data.submission, accepted_us
    )


def _bill(data: Metering) -> Bill:
    return Bill(data.state, data.usage, data.charge, data.hold, data.final is not False)


def _entries(stored: Stored) -> list[Entry]:
    match stored.event:
        case AccountFunded(data=funding):
            return [Entry(stored.sequence, "funded", "", (funding.amount.currency,), _exact(funding.amount))]
        case AccountHeld(data=hold):
            return [Entry(stored.sequence, "held", hold.job, (hold.amount.currency,), _exact(hold.amount))]
        case AccountReleased(data=back):
            amount = _exact(back.amount)
            return [Entry(stored.sequence, "released", back.job, (back.amount.currency,), amount, released=amount)]
        case AccountSettled(data=data):
            currencies = (data.held.currency, data.settled.currency, data.released.currency)
            held, settled, released = _exact(data.held), _exact(data.settled), _exact(data.released)
            revision = data.revision or 0
            return [Entry(stored.sequence, "settled", data.job, currencies, held, settled, released, revision)]
        case AccountCorrected(data=data):
            delta, currency = _exact(data.delta), data.delta.currency
            return [Entry(stored.sequence, "corrected", data.job, (currency,), delta, revision=data.revision)]
        case _:
            return []


def _exact(amount: Amount) -> Decimal:
    return Decimal(amount.amount)


def _plain(name: str) -> bool:
    """Whether this is a valid job id: a message under any other name belongs to no job."""
    try:
        require_token(name)
    except InvalidId:
        return False
    return True
