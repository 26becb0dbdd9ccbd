"""What the broker knows, folded from the log: money, the jobs that count, and what backends there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from queuebit_broker.accounts import Account, Accounts, Totals
from queuebit_broker.quota_use import FrozenUse, QuotaUse
from queuebit_broker.reservations import Calendars, KnownReservation
from queuebit_broker.sessions import KnownSession, Sessions
from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.backend import (
    BackendCalibrated,
    BackendInterrupted,
    BackendRegistered,
    BackendRestored,
    Calibration,
    Registration,
)
from queuebit_contracts.calendar import PlannedWindow
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.delegation import DelegationGranted, DelegationRevoked
from queuebit_contracts.delegations import Authority, Delegations, Grant, authority_of
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.fleet import BackendDegraded, BackendIsolated, BackendReadmitted, Degradation, Isolation
from queuebit_contracts.hybrid import is_hybrid
from queuebit_contracts.job import Profile, Signature
from queuebit_contracts.query import BackendEstimate, CircuitError
from queuebit_contracts.session import SessionClosed, SessionOpened
from queuebit_contracts.tenants import Tenants
from queuebit_contracts.wire import Reason

__all__ = ["Backend", "Profiled", "World"]


_JOBS = (None, "job", "program")
"""Purposes of holds for jobs; other holds do not make a job active. A session is not idle while it has a hybrid job."""


@dataclass(frozen=True, slots=True)
class Backend:
    """What one backend says of itself."""

    version: int
    """Sequence of its newest fact; what was compiled for an older one is compiled again."""
    registration: Registration | None = None
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Profiled:
    """What the executors said of a circuit. A backend without an estimate belongs to a stack that did not answer."""

    profile: Profile | None = None
    estimates: Mapping[str, BackendEstimate] = field(default_factory=dict)
    error: CircuitError | None = None


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A copy of all that the log says, without the accounts."""

    sequence: int
    tenants: Tenants
    totals: Totals
    backends: dict[str, Backend]
    active: dict[str, set[str]]
    grants: tuple[Grant, ...] = ()
    sessions: tuple[KnownSession, ...] = ()
    interrupted: dict[str, datetime] = field(default_factory=dict)
    reservations: tuple[KnownReservation, ...] = ()
    windows: tuple[PlannedWindow, ...] = ()
    newest_of: dict[str, int] = field(default_factory=dict)
    """Sequence of the newest fact of each backend."""
    isolated: dict[str, Isolation] = field(default_factory=dict)
    degraded: dict[str, Degradation] = field(default_factory=dict)
    quota_use: FrozenUse = field(default_factory=FrozenUse)


_NamedAccount = tuple[str, str, Account]


class World:
    """What the broker knows."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.delegations = Delegations()
        self.accounts = Accounts()
        self.sessions = Sessions()
        self.calendars = Calendars()
        self.quota_use = QuotaUse()
        self.sequence = 0
        """Up to where the log is folded."""
        self.backends: dict[str, Backend] = {}
        self.interrupted: dict[str, datetime] = {}
        """Backends that are out of service, and since when."""
        self.isolated: dict[str, Isolation] = {}
        """Backends that get no jobs, and why."""
        self.degraded: dict[str, Degradation] = {}
        """Backends that are used without some of their qubits and couplers."""
        self._registered: dict[str, Registration] | None = None
        self._active: dict[str, set[str]] = {}
        self._admitting: dict[str, set[str]] = {}
        self._waiting: dict[str, dict[str, str]] = {}

    def account(self, tenant: str, project: str) -> Account:
        """Return the current account; an empty one if it was never funded."""
        return self.accounts.account(tenant, project)

    def erasable(self, tenant: str) -> bool:
        """Whether contents of a tenant are never inside events; false for a tenant that does not exist."""
        return (entry := self.directory.tenant.get(tenant)) is not None and entry.erasable

    def registered(self) -> Mapping[str, Registration]:
        """Every backend that offered itself, by name."""
        if self._registered is None:
            known = ((name, it.registration) for name, it in sorted(self.backends.items()))
            self._registered = {name: registration for name, registration in known if registration is not None}
        return self._registered

    def delegated(self, tenant: str, proof: Signature, at: datetime) -> Authority | Reason | None:
        """What a delegated key may do at a time, or why nothing; None if the signature names no delegation."""
        if proof.delegation is None:
            return None
        return authority_of(self.delegations.find(tenant, proof.delegation), self.directory, proof.key, at)

    def author(self, tenant: str, proof: Signature, at: datetime) -> Authority | Reason | None:
        """Who signed, by a delegation or a key of the user; why a delegation allows nothing; None if it is unknown."""
        owner = self.directory.user(tenant, proof.key)
        return self.delegated(tenant, proof, at) or (Authority(*owner) if owner else None)

    def take(self, event: Decoded, sequence: int) -> None:
        """Fold one fact of a tenant, an account, a session, a reservation or a backend."""
        self.calendars.take(event, sequence)
        match event:
            case AccountHeld():
                self.accounts.take(event, sequence)
                self._begin(event)
            case AccountReleased():
                self.accounts.take(event, sequence)
                self.end(event.data.tenant, event.data.job, event.time, ran=False)
            case AccountSettled() if is_hybrid(event.data.job):  # its end itself is not read here
                self.accounts.take(event, sequence)
                self.sessions.ended(event.data.tenant, event.data.job, event.time)
            case AccountSettled() | AccountFunded() | AccountGranted() | AccountExpired() | AccountCorrected():
                self.accounts.take(event, sequence)
            case _ if isinstance(event, TenantEvent):
                self.directory.take(event)
                self.delegations.take(event)
            case DelegationGranted() | DelegationRevoked():
                self.delegations.take(event)
            case SessionOpened():
                self.sessions.opened(event)
            case SessionClosed():
                for it in self.sessions.closed(event, sequence):
                    self.accounts.forget_session(it.tenant, it.session)
            case _:
                self._of_backend(event, sequence)

    def _of_backend(self, event: Decoded, sequence: int) -> None:
        match event:
            case BackendRegistered():
                self._learn(event.data.backend, Backend(sequence, registration=event.data))
            case BackendCalibrated():
                self._learn(event.data.backend, Backend(sequence, calibration=event.data))
            case BackendInterrupted() | BackendRestored():
                self._interrupt(event)
            case BackendIsolated():
                self.isolated[event.data.backend] = event.data
            case BackendReadmitted():
                self.isolated.pop(event.data.backend, None)
            case BackendDegraded():
                self.degraded[event.data.backend] = event.data

    def hold(self, event: AccountHeld, sequence: int, *, behind_all: bool) -> None:
        """Fold a hold that was just appended, unless the view has read it back already; see `Accounts.hold`."""
        if sequence > self.sequence:
            self.accounts.hold(event, sequence, behind_all=behind_all)
            self._begin(event)

    def end(self, tenant: str, job: str, at: datetime, *, ran: bool = True) -> None:
        """Fold that a job ended, at the time at which the log stored it, and whether it may have run."""
        self.quota_use.ended(tenant, job, ran=ran)
        self._active.get(tenant, set()).discard(job)
        self.sessions.ended(tenant, job, at)
        self._decided(tenant, job)

    def reserve(self, tenant: str, job: str) -> None:
        """Count a job from the moment it is decided, before the log has its hold."""
        if job not in self._active.get(tenant, ()):
            self._admitting.setdefault(tenant, set()).add(job)
        self._waiting.get(tenant, {}).pop(job, None)

    def give_up(self, tenant: str, job: str) -> None:
        """Forget a reservation."""
        self._admitting.get(tenant, set()).discard(job)

    def wait(self, tenant: str, job: str, why: str) -> None:
        """Record that a job cannot be decided now; it counts as active."""
        self._waiting.setdefault(tenant, {})[job] = why

    def waiting(self, tenant: str) -> Mapping[str, str]:
        """Why a tenant's jobs are not yet decided, by job."""
        return self._waiting.get(tenant, {})

    def others_active(self, tenant: str, job: str) -> int:
        """How many jobs of a tenant, this one aside, are not over: money is or will be held for them, or they wait."""
        counted = self._active.get(tenant, ()), self._admitting.get(tenant, ()), self.waiting(tenant)
        return sum(len(jobs) - (job in jobs) for jobs in counted)

    def freeze(self) -> Callable[[], Iterator[bytes]] | None:
        """Copy what the log says; None while an account has facts that the view has not read."""
        if self.accounts.newest > self.sequence:
            return None
        frozen = _Frozen(
            self.sequence,
            self.directory.document(),
            self.accounts.totals(),
            {**self.backends},
            {tenant: {*jobs} for tenant, jobs in self._active.items() if jobs},
            tuple(self.delegations.all()),
            tuple(replace(it) for it in self.sessions.all()),
            {**self.interrupted},
            *self.calendars.freeze(),
            {**self.isolated},
            {**self.degraded},
            self.quota_use.freeze(),
        )
        accounts = [(*key, it.copy()) for key, it in self.accounts.accounts().items()]

        def encode() -> Iterator[bytes]:
            yield _frozen().dump_json(frozen)
            yield from map(_account().dump_json, accounts)

        return encode

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read what was frozen; the result makes it the state.

        Raises:
            ValueError: the records are of another form.
        """
        first, *others = records
        frozen = _frozen().validate_json(first)
        accounts = {(tenant, name): it for tenant, name, it in map(_account().validate_json, others)}

        def fill() -> None:
            self.directory = Directory(frozen.tenants)
            self.delegations = Delegations(frozen.grants)
            self.sessions = Sessions(frozen.sessions)
            self.accounts.restore(frozen.totals, accounts)
            self.sequence = frozen.sequence
            self.backends, self._registered = frozen.backends, None
            self.interrupted = frozen.interrupted
            self.quota_use.restore(frozen.quota_use)
            self.calendars = Calendars(frozen.reservations, frozen.windows, frozen.newest_of.items())
            self.isolated, self.degraded = frozen.isolated, frozen.degraded
            self._active = frozen.active

        return fill

    def _begin(self, event: AccountHeld) -> None:
        """Fold that a job is active: that money is held for it says so, and comes before its acceptance."""
        self.quota_use.held(event.data, event.time)
        if event.data.purpose in _JOBS:
            self._active.setdefault(event.data.tenant, set()).add(event.data.job)
        if event.data.purpose in (*_JOBS, "hybrid") and event.data.budgets:
            self.sessions.began(event.data.tenant, event.data.job, event.data.budgets, event.time)
        self._decided(event.data.tenant, event.data.job)

    def _decided(self, tenant: str, job: str) -> None:
        self.give_up(tenant, job)
        self._waiting.get(tenant, {}).pop(job, None)

    def _interrupt(self, event: BackendInterrupted | BackendRestored) -> None:
        if isinstance(event, BackendInterrupted):
            self.interrupted[event.data.backend] = event.data.since
        else:
            self.interrupted.pop(event.data.backend, None)

    def _learn(self, name: str, news: Backend) -> None:
        self._registered = None
        known = self.backends.get(name, news)
        self.backends[name] = Backend(
            news.version, news.registration or known.registration, news.calibration or known.calibration
        )


@cache
def _frozen() -> TypeAdapter[_Frozen]:
    return TypeAdapter(_Frozen)


@cache
def _account() -> TypeAdapter[_NamedAccount]:
    return TypeAdapter(_NamedAccount)
