"""Reads messages of the log into facts: what each of them says, as far as an invariant needs it.

A fact follows from its message alone, so that any process may read any message. The event keeps its contract, lies
under its own subject, and its proof is verified here; what depends on other events is left to `state`.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from queuebit_audit.charges import authorised, bill, corrected, label
from queuebit_audit.hybrids import HybridBill, HybridTerms
from queuebit_audit.records import AccountEntry, CheckProofs, Content, Leaf, Placed, Root, SharedRan
from queuebit_audit.reservation_facts import RESERVATION_EVENTS
from queuebit_audit.residency import Registered
from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.backend import BackendCalibrated, BackendInterrupted, BackendRegistered
from queuebit_contracts.catalog import NUMBERED, AnyEvent, decode
from queuebit_contracts.delegation import DelegationGranted, DelegationRevoked
from queuebit_contracts.directory import TenantEvent
from queuebit_contracts.erasure import PayloadsErased
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted
from queuebit_contracts.hybrid import HybridAccepted, HybridMetered, HybridSubmitted
from queuebit_contracts.invoice import InvoiceCredited, InvoiceIssued
from queuebit_contracts.job import (
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobSealed,
    JobSealedV1,
    JobSubmitted,
    JobUsageReported,
)
from queuebit_contracts.session import SessionClosed, SessionMetered, SessionOpened, session_in
from queuebit_contracts.subjects import event_name, parse, subject_of
from queuebit_contracts.tenants import vendor_name
from queuebit_contracts.transparency import KeysRotated, LogCheckpointed, StatementLogged
from queuebit_contracts.usage import QPU_TIME, UsageRecord, quantities
from queuebit_contracts.wire import Amount, Event, Payload, UnknownEvent
from queuebit_kernel import InvalidId, Malformed, require_token
from queuebit_runtime.log import Stored
from queuebit_runtime.rows import mark_of, row_of
from queuebit_scheduling import micros

__all__ = [
    "UNKNOWN",
    "Calibrated",
    "Checkpointed",
    "Delegated",
    "Fact",
    "Interrupted",
    "Isolated",
    "Message",
    "Ran",
    "Readmitted",
    "Reported",
    "Submitted",
    "fact_of",
    "read",
    "unreadable",
]

UNKNOWN = "unknown"
"""The noun of events whose type this version does not know."""


class Fact(NamedTuple):
    """What one message says."""

    sequence: int
    subject: str
    noun: str = ""
    """What it is about; empty where it changes nothing."""
    tenant: str = ""
    id: str = ""
    name: str = ""
    """The event's name, with its number if it may occur several times after the end of a job; of an unknown event, its
    type."""
    content: object = None
    """What is kept of its data: one of the classes here, in `charges` or in `records`; of tenants, delegations,
    sessions and reservations, the event."""
    stray: str = ""
    """Why it does not belong where it is."""


class Delegated(NamedTuple):
    """The delegation that a submission names, and for what."""

    tenant: str
    delegation: str
    project: str
    stored_at: datetime


class Submitted(NamedTuple):
    """Who asked for a job, and its circuit if that is in the payload store."""

    key: str
    circuit: Payload | None
    delegated: Delegated | None
    alone: bool = False
    """Whether it is to share no device."""


class Ran(NamedTuple):
    """A job ran, or could not."""

    usage: UsageRecord
    backend: str
    result: Payload | None
    """If it is in the payload store."""
    reason: str | None = None
    """The code of its failure."""
    shared: SharedRan | None = None
    """The run with other circuits on the device."""


class Reported(NamedTuple):
    """Usage that came after the end of its job."""

    revision: int
    usage: UsageRecord


class Checkpointed(NamedTuple):
    """A head of the transparency log."""

    tree_size: int
    signed: Root | str
    """What it signs, or the reason why it does not verify."""


class Calibrated(NamedTuple):
    """A calibration in the payload store."""

    backend: str
    snapshot: Payload


class Interrupted(NamedTuple):
    """A backend went out of service."""

    backend: str
    since: datetime


class Isolated(NamedTuple):
    """A backend gets no placements from here on."""

    backend: str
    since: datetime


class Readmitted(NamedTuple):
    """A backend gets placements again."""

    backend: str


class _Place(NamedTuple):
    """Where an event lies, and how proofs are verified."""

    sequence: int
    tenant: str
    id: str
    stored_at: datetime
    proofs: CheckProofs


Message = tuple[str, bytes, int, datetime]
"""Subject, body, sequence and time in the log."""


def read(given: tuple[CheckProofs, Sequence[Message]]) -> tuple[list[Fact], array[int]]:
    """Read messages of any content: the fact of each, and the mark of the row that the warehouse must have for it."""
    proofs, messages = given
    facts = [_fact(*it, proofs) for it in messages]
    return facts, array("Q", [mark_of(row_of(*it)) for it in messages])


def fact_of(stored: Stored, proofs: CheckProofs) -> Fact:
    """What an event says. The subject decides its tenant, because permissions guard subjects."""
    event, subject, sequence = stored.event, stored.subject, stored.sequence
    if isinstance(event, UnknownEvent):
        return Fact(sequence, subject, UNKNOWN, name=event.type)
    noun, tenant, id_, name, qualifiers = parse(subject)
    proper, known = subject_of(event), event_name(event.type)
    if noun in ("job", "hybrid"):
        noun = noun if known == name and _plain(id_) else ""
        known = " ".join((known, *qualifiers)) if known in NUMBERED else known
    content = _READERS.get(type(event), _nothing)(event, _Place(sequence, tenant, id_, stored.stored_at, proofs))
    stray = "" if proper == subject else f"sequence {sequence} holds an event of {proper}"
    if noun in ("tenant", "delegation", "session", "reservation", "invoice") and (stray or content is None):
        noun = ""
    return Fact(sequence, subject, noun, tenant, id_, known, content, stray)


def unreadable(subject: str, sequence: int, why: str) -> Fact:
    """The fact that an event breaks its contract."""
    return Fact(sequence, subject, stray=f"sequence {sequence} cannot be read: {why}")


def _fact(subject: str, body: bytes, sequence: int, stored_at: datetime, proofs: CheckProofs) -> Fact:
    try:
        event = decode(body, subject)
    except Malformed as error:
        return unreadable(subject, sequence, str(error))
    return fact_of(Stored(event, subject, sequence, stored_at), proofs)


def _plain(name: str) -> bool:
    """Whether this is a valid job id: a message under any other name belongs to no job."""
    try:
        require_token(name)
    except InvalidId:
        return False
    return True


def _nothing(event: AnyEvent, at: _Place) -> None:
    """That it happened is all that is kept."""
    del event, at


def _submitted(event: JobSubmitted | HybridSubmitted, at: _Place) -> Submitted:
    data, proof = event.data, event.data.proof
    content = event.data.circuit if isinstance(event, JobSubmitted) else event.data.file
    delegated = None
    if proof.delegation is not None:
        delegated = Delegated(data.tenant, proof.delegation, data.project, at.stored_at)
    alone = isinstance(event, JobSubmitted) and event.data.alone is True
    return Submitted(proof.key, content if content.inline is None else None, delegated, alone)


def _placed(event: JobPlaced, at: _Place) -> Placed:
    del at
    data = event.data
    scores = tuple([(it.backend, it.expected_ms) for it in data.scores])
    content = None if data.decision is None else Content.of(data.decision)
    start_by_us = None if data.start_by is None else micros(data.start_by)
    slot, it = (data.reservation, start_by_us), data.preempted
    preempted = None if it is None else (it.by, it.rule, it.gained_ms)
    moved = None if data.moved is None else (data.moved.left, data.moved.gained_ms)
    about = data.session, label(data.fallback), *slot, preempted, data.shared_device, moved
    return Placed(data.backend, data.policy, data.snapshot, scores, content, *about)


def _completed(event: JobCompleted, at: _Place) -> Ran:
    del at
    data, result, run = event.data, event.data.result, event.data.shared
    shared = None
    if run is not None:
        qpu_us = int(quantities(data.usage).get(QPU_TIME, 0))
        shared = SharedRan(run.run, run.circuits, run.region, data.backend, qpu_us)
    return Ran(UsageRecord.of(data.usage), data.backend, result if result.inline is None else None, shared=shared)


def _sealed(event: JobSealed | JobSealedV1, at: _Place) -> Leaf:
    data = event.data
    entry = bytes.fromhex(data.statement.removeprefix("sha256:"))
    trouble = at.proofs.seal(at.tenant, at.id, data)
    return Leaf(data.leaf_index, entry, data.revision or 0, data.supersedes, data.tree_size, trouble)


def _rotated(event: KeysRotated, at: _Place) -> Leaf:
    data = event.data
    entry = bytes.fromhex(data.statement.removeprefix("sha256:"))
    return Leaf(data.leaf_index, entry, 0, None, data.tree_size, at.proofs.rotation(data))


def _logged(event: StatementLogged, _: _Place) -> Leaf:
    return Leaf(event.data.leaf_index, bytes.fromhex(event.data.entry), 0, None, event.data.tree_size, None)


def _calibrated(event: BackendCalibrated, at: _Place) -> Calibrated | None:
    del at
    snapshot = event.data.snapshot
    return Calibrated(event.data.backend, snapshot) if snapshot.inline is None else None


def _funded(event: AccountFunded | AccountGranted, at: _Place) -> AccountEntry:
    """A grant may be held like a budget."""
    amount = event.data.amount
    return AccountEntry(at.sequence, "funded", "", (amount.currency,), _exact(amount))


def _expired(event: AccountExpired, at: _Place) -> AccountEntry:
    amount = event.data.amount
    return AccountEntry(at.sequence, "funded", "", (amount.currency,), -_exact(amount))


def _held(event: AccountHeld, at: _Place) -> AccountEntry:
    data, exact = event.data, _exact(event.data.amount)
    name, session = ("cap", "") if data.purpose == "session" else ("held", _session(data.budgets))
    return AccountEntry(
        at.sequence,
        name,
        data.job,
        (data.amount.currency,),
        exact,
        session=session,
        budgets=_of_tenant(data.budgets),
        day=_day(event),
    )


def _released(event: AccountReleased, at: _Place) -> AccountEntry:
    amount, exact = event.data.amount, _exact(event.data.amount)
    return AccountEntry(
        at.sequence, "released", event.data.job, (amount.currency,), exact, released=exact, day=_day(event)
    )


def _settled(event: AccountSettled, at: _Place) -> AccountEntry:
    data = event.data
    currencies = (data.held.currency, data.settled.currency, data.released.currency)
    held, settled, released = _exact(data.held), _exact(data.settled), _exact(data.released)
    revision, day = data.revision or 0, _day(event)
    return AccountEntry(at.sequence, "settled", data.job, currencies, held, settled, released, revision, day=day)


def _adjusted(event: AccountCorrected, at: _Place) -> AccountEntry:
    delta, revision, budgets = event.data.delta, event.data.revision, event.data.budgets
    return AccountEntry(
        at.sequence,
        "corrected",
        event.data.job,
        (delta.currency,),
        _exact(delta),
        revision=revision,
        session=_session(budgets),
        budgets=_of_tenant(budgets),
        day=_day(event),
    )


@lru_cache(4096)
def _of_tenant(budgets: Sequence[str] | None) -> tuple[str, ...]:
    """Without those of sessions; one object for all holds that name the same ones."""
    return tuple(it for it in budgets or () if session_in(it) is None)


def _day(event: Event[Any]) -> int:
    return _ordinal(event.time.astimezone(UTC).date())


@lru_cache(4096)
def _ordinal(day: date) -> int:
    """One object for all entries of a day."""
    return day.toordinal()


def _session(budgets: Sequence[str] | None) -> str:
    return next((it for it in map(session_in, budgets or ()) if it is not None), "")


def _exact(amount: Amount) -> Decimal:
    return _decimal(amount.amount)


_decimal = lru_cache(4096)(Decimal)
"""Accounts have few different amounts: equal ones are one object."""

_WHOLE = (
    *get_args(TenantEvent),
    PayloadsErased,
    *(DelegationGranted, DelegationRevoked, SessionOpened, SessionClosed, SessionMetered),
    *(InvoiceIssued, InvoiceCredited),
    *RESERVATION_EVENTS,
)
"""Classes whose events are kept whole: there are few."""

_READERS: Mapping[type[AnyEvent], Callable[[Any, _Place], object]] = {
    JobSubmitted: _submitted,
    JobAccepted: lambda event, at: authorised(event.data, micros(event.time), at.sequence),
    JobPlaced: _placed,
    JobCompleted: _completed,
    JobFailed: lambda event, _: Ran(
        UsageRecord.of(event.data.usage), event.data.backend, None, sys.intern(event.data.reason.code)
    ),
    JobMetered: lambda event, _: bill(event.data),
    HybridSubmitted: _submitted,
    HybridAccepted: lambda event, _: HybridTerms.of(event.data),
    HybridMetered: lambda event, _: HybridBill.of(event.data),
    JobUsageReported: lambda event, _: Reported(event.data.revision, UsageRecord.of(event.data.usage)),
    JobCorrected: lambda event, _: corrected(event.data),
    JobSealed: _sealed,
    JobSealedV1: _sealed,
    AccountFunded: _funded,
    AccountGranted: _funded,
    AccountExpired: _expired,
    AccountHeld: _held,
    AccountReleased: _released,
    AccountSettled: _settled,
    AccountCorrected: _adjusted,
    KeysRotated: _rotated,
    StatementLogged: _logged,
    LogCheckpointed: lambda event, at: Checkpointed(event.data.tree_size, at.proofs.head(event.data.checkpoint)),
    BackendCalibrated: _calibrated,
    BackendRegistered: lambda event, _: Registered(
        event.data.backend, vendor_name(event.data.vendor), event.data.region
    ),
    BackendInterrupted: lambda event, _: Interrupted(event.data.backend, event.data.since),
    BackendIsolated: lambda event, _: Isolated(event.data.backend, event.data.since),
    BackendReadmitted: lambda event, _: Readmitted(event.data.backend),
    **dict.fromkeys(_WHOLE, lambda event, _: event),
}
"""What is kept of an event of each class; of others, that they happened. `Any`: the class is that of the key."""
