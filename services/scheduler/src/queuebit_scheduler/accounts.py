"""What is kept of jobs that ended: how much each tenant received, and how long jobs of a size take."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from queuebit_scheduler.jobs import Job, Outstanding, Size
from queuebit_scheduler.snapshot import Tenant
from queuebit_scheduler.usage import Served, micros, period_of

__all__ = ["Accounts"]


@dataclass(slots=True)
class _Account:
    share: int = 1
    served: Served = field(default_factory=Served)
    outstanding_us: int = 0


class Accounts:
    """One for each tenant, and what all of them taught about run times."""

    def __init__(self) -> None:
        self._of: dict[str, _Account] = {}
        self._typical_us: dict[tuple[str, Size], int] = {}

    def tenant(self, name: str) -> Tenant:
        """As a decision sees it."""
        account = self._of[name]
        return Tenant(name, account.share, account.served, account.outstanding_us)

    def weigh(self, tenant: str, share: int) -> None:
        """Note a tenant's weight; the newest counts."""
        self._of.setdefault(tenant, _Account()).share = share

    def expect(self, tenant: str, us: int) -> None:
        """Count what a tenant is about to receive; less, when it is taken back or has come."""
        self._of[tenant].outstanding_us += us

    def receive(self, ended: Outstanding, at: datetime, *, completed: bool) -> None:
        """Count what a job took, if it ever began; only one that completed says how long its like take."""
        if ended.started_at is None:
            return
        ran_us = max(1, micros(at) - micros(ended.started_at))
        account = self._of[ended.job.tenant]
        account.served = account.served.plus(ran_us, period_of(micros(at)))
        if completed:
            kind = (ended.backend, ended.job.size)
            self._typical_us[kind] = (7 * self._typical_us.get(kind, ran_us) + ran_us) // 8

    def expected_us(self, job: Job, backend: str) -> int:
        """How long a job will take there: what its like took of late, or else what admission expected."""
        bid = job.bids.get(backend)
        return self._typical_us.get((backend, job.size)) or max(1, bid.qpu_us if bid else 1)
