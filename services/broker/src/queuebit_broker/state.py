"""What the broker knows, folded from the log: money, the jobs that count, and what backends there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from queuebit_broker.accounts import Account, Accounts
from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.job import TERMINAL, Profile
from queuebit_contracts.query import BackendEstimate, CircuitError

__all__ = ["Backend", "Profiled", "World"]


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


class World:
    """What the broker knows."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.accounts = Accounts()
        self.sequence = 0
        """Up to where the log is folded."""
        self.backends: dict[str, Backend] = {}
        self._active: dict[str, set[str]] = {}
        self._admitting: dict[str, set[str]] = {}
        self._waiting: dict[str, dict[str, str]] = {}

    def account(self, tenant: str, project: str) -> Account:
        """Return the current account; an empty one if it was never funded."""
        return self.accounts.account(tenant, project)

    def registered(self) -> dict[str, Registration]:
        """Every backend that offered itself, by name."""
        return {name: it.registration for name, it in sorted(self.backends.items()) if it.registration is not None}

    def take(self, event: Decoded, sequence: int) -> None:
        """Fold one fact of a tenant, an account or a backend."""
        match event:
            case _ if isinstance(event, TenantEvent):
                self.directory.take(event)
            case AccountFunded() | AccountHeld() | AccountSettled() | AccountReleased() | AccountCorrected():
                self.accounts.take(event, sequence)
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
        """Record that a job cannot be decided now; it counts as active."""
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
