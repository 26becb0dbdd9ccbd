"""What the broker knows, folded from the log: budgets, the jobs that count, and what backends there are.

Folded in place, since an account may carry thousands of holds. A fact of an account is taken once, whoever brings it
first: the broker that wrote it, or the view that reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, AccountSettled
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.job import TERMINAL, Profile
from queuebit_contracts.query import BackendEstimate, CircuitError
from queuebit_contracts.tenants import Role, Tenants
from queuebit_kernel import Money

__all__ = ["Account", "Backend", "Directory", "Profiled", "World"]


_MAX_CLOSED = 100_000


@dataclass(slots=True)
class Account:
    """One project's money, by currency: nothing here converts."""

    funded: dict[str, Money] = field(default_factory=dict)
    free: dict[str, Money] = field(default_factory=dict)
    """Funded, less what is held and what was charged."""
    holds: dict[str, Money] = field(default_factory=dict)
    """By job."""
    closed: dict[str, None] = field(default_factory=dict)
    """Jobs whose hold was settled or went back whole, the newest 100,000: they never hold again, however late a
    delivery wakes up."""
    last_funded: int = 0
    last_held: int = 0
    """Sequence of the newest hold. Whoever appends the next one expects it, and so has seen every hold before."""

    def available(self, currency: str) -> Money:
        """What may still be held."""
        return self.free.get(currency, Money.zero(currency))

    def take(self, event: Decoded, sequence: int) -> None:
        """Fold one fact of this account."""
        match event:
            case AccountFunded() if sequence > self.last_funded:
                amount = event.data.amount.money
                self.funded[amount.currency] = self.funded.get(amount.currency, Money.zero(amount.currency)) + amount
                self._grow(amount)
                self.last_funded = sequence
            case AccountHeld() if sequence > self.last_held:
                amount = event.data.amount.money
                self.holds[event.data.job] = amount
                self.free[amount.currency] = self.available(amount.currency) - amount
                self.last_held = sequence
            case AccountSettled():
                self._close(event.data.job)
                if self.holds.pop(event.data.job, None) is not None:
                    self._grow(event.data.released.money)
            case AccountReleased():
                self._close(event.data.job)
                if self.holds.pop(event.data.job, None) is not None:
                    self._grow(event.data.amount.money)

    def _close(self, job: str) -> None:
        self.closed[job] = None
        if len(self.closed) > _MAX_CLOSED:
            del self.closed[next(iter(self.closed))]

    def _grow(self, amount: Money) -> None:
        self.free[amount.currency] = self.available(amount.currency) + amount


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


class Directory:
    """The tenants file, with the owner of each key at hand."""

    def __init__(self, tenants: Tenants) -> None:
        self.tenant = tenants.tenant
        self._owners = {
            key: (tenant, name, user.role)
            for tenant, entry in tenants.tenant.items()
            for name, user in entry.user.items()
            for key in user.keys
        }

    def user(self, tenant: str, key: str) -> tuple[str, Role] | None:
        """Name and role of the user of this tenant whose token has this public half."""
        owner, name, role = self._owners.get(key, ("", "", "viewer"))
        return (name, role) if owner == tenant else None


class World:
    """What the broker knows."""

    def __init__(self) -> None:
        self.directory = Directory(Tenants())
        """Who may do what, as last declared; the one thing that does not come from the log."""
        self.accounts: dict[tuple[str, str], Account] = {}
        self.backends: dict[str, Backend] = {}
        self._active: dict[str, set[str]] = {}
        self._admitting: dict[str, set[str]] = {}
        self._waiting: dict[str, dict[str, str]] = {}

    def account(self, tenant: str, project: str) -> Account:
        """The account as it is now; an empty one where nothing was ever funded."""
        return self.accounts.get((tenant, project)) or Account()

    def registered(self) -> dict[str, Registration]:
        """Every backend that offered itself, by name."""
        return {name: it.registration for name, it in sorted(self.backends.items()) if it.registration is not None}

    def take(self, event: Decoded, sequence: int) -> None:
        """Fold one fact of an account or a backend."""
        match event:
            case AccountFunded() | AccountHeld() | AccountSettled() | AccountReleased():
                key = (event.data.tenant, event.data.account)
                self.accounts.setdefault(key, Account()).take(event, sequence)
            case BackendRegistered():
                self._learn(event.data.backend, Backend(sequence, registration=event.data))
            case BackendCalibrated():
                self._learn(event.data.backend, Backend(sequence, calibration=event.data))

    def job_moved(self, tenant: str, job: str, event: str) -> None:
        """Fold that a job was accepted or ended; the name of the event says all that matters here."""
        if event == "accepted":
            self._active.setdefault(tenant, set()).add(job)
        elif event in TERMINAL:
            self._active.get(tenant, set()).discard(job)
        self.give_up(tenant, job)
        self._waiting.get(tenant, {}).pop(job, None)

    def reserve(self, tenant: str, job: str) -> None:
        """Count a job from the moment it is decided, before the log says that it was accepted."""
        self._admitting.setdefault(tenant, set()).add(job)
        self._waiting.get(tenant, {}).pop(job, None)

    def give_up(self, tenant: str, job: str) -> None:
        """Forget a reservation."""
        self._admitting.get(tenant, set()).discard(job)

    def wait(self, tenant: str, job: str, why: str) -> None:
        """Remember that a job cannot be decided now; it counts as active all the same."""
        self._waiting.setdefault(tenant, {})[job] = why

    def waiting(self, tenant: str) -> Mapping[str, str]:
        """Why a tenant's jobs are not yet decided, by job."""
        return self._waiting.get(tenant, {})

    def others_active(self, tenant: str, job: str) -> int:
        """How many jobs of a tenant, this one aside, have not ended: accepted, about to be, or waiting for it."""
        active, admitting = self._active.get(tenant, set()), self._admitting.get(tenant, set())
        waiting = self.waiting(tenant)
        itself = job in active or job in admitting or job in waiting
        return len(active) + len(admitting - active) + len(waiting) - itself

    def _learn(self, name: str, news: Backend) -> None:
        known = self.backends.get(name, news)
        self.backends[name] = Backend(
            news.version, news.registration or known.registration, news.calibration or known.calibration
        )
