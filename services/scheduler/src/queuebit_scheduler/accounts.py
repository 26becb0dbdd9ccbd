"""What tenants, projects and users received of each kind of backends, and their placed jobs of limited classes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from queuebit_scheduling import Account, Job, PlacedCount, Served, class_of, micros, period_of

__all__ = ["Accounts"]

_Owner = tuple[str, str | None, str | None]
_Of = tuple[_Owner, str]
"""An owner and a kind of backends."""


class Accounts:
    """Service of each owner by kind of backends: received with decay, and expected of placed jobs."""

    def __init__(self, period_us: int) -> None:
        self._period_us = period_us
        self._served: dict[_Of, Served] = {}
        self._expected: dict[_Of, int] = {}
        self._weights: dict[tuple[str, str], int] = {}
        self._placed: dict[tuple[str, str, str], int] = {}

    def weigh(self, tenant: str, project: str, weight: int) -> None:
        """Note the weight of a project; the newest counts."""
        self._weights[tenant, project] = weight

    def expect(self, job: Job, kind: str, us: int, jobs: int) -> None:
        """Change the expected service of the owners of a job, and the number of its user's placed jobs."""
        for owner in _owners(job):
            if expected := self._expected.pop((owner, kind), 0) + us:
                self._expected[owner, kind] = expected
        if class_of(job.workload_class).per_user is not None:
            member = job.tenant, job.user or "", job.workload_class or ""
            if count := self._placed.pop(member, 0) + jobs:
                self._placed[member] = count

    def receive(self, job: Job, kind: str, ran_us: int, at: datetime) -> None:
        """Add service that the owners of a job received."""
        period = period_of(micros(at), self._period_us)
        for owner in _owners(job):
            self._served[owner, kind] = self._served.get((owner, kind), Served()).plus(ran_us, period)

    def of_tenants(self, tenants: Iterable[str], kinds: Collection[str]) -> tuple[Account, ...]:
        """Return what tenants received of each kind of backends; nothing if there is one kind."""
        return self._of([(it, None, None) for it in tenants], kinds) if len(kinds) > 1 else ()

    def within(self, jobs: Iterable[Job], kinds: Collection[str]) -> tuple[Account, ...]:
        """Return the accounts of projects and users that the order of these jobs depends on.

        Of a tenant with one project, and of a project with one user, there is nothing to compare.

        Args:
            jobs: the first of each group of waiting jobs of some tenants.
            kinds: of all backends; what an owner received is divided by kind only if there are several.
        """
        projects: dict[str, set[str]] = {}
        users: dict[tuple[str, str], set[str]] = {}
        for job in jobs:
            if job.project is not None:
                projects.setdefault(job.tenant, set()).add(job.project)
                if job.user is not None:
                    users.setdefault((job.tenant, job.project), set()).add(job.user)
        owners: list[_Owner] = [
            (tenant, it, None) for tenant, names in projects.items() if len(names) > 1 for it in names
        ]
        owners += [(*project, it) for project, names in users.items() if len(names) > 1 for it in names]
        return self._of(owners, kinds)

    def _of(self, owners: Iterable[_Owner], kinds: Collection[str]) -> tuple[Account, ...]:
        if len(kinds) > 1:
            return tuple(
                self._account(owner, it, (it,)) for owner in owners for it in kinds if self._tells(owner, (it,))
            )
        return tuple(self._account(owner, None, kinds) for owner in owners if self._tells(owner, kinds))

    def _tells(self, owner: _Owner, kinds: Iterable[str]) -> bool:
        """Whether an account has anything but zeros, or is of a project, whose weight is in it."""
        is_project = owner[1] is not None and owner[2] is None
        return is_project or any((owner, it) in self._served or (owner, it) in self._expected for it in kinds)

    def placed(self) -> tuple[PlacedCount, ...]:
        """Return how many placed jobs each user has in limited classes."""
        return tuple(PlacedCount(*it, jobs) for it, jobs in self._placed.items())

    def placed_with(self, job: Job) -> int:
        """Return how many placed jobs of its class the user of a job has; 0 for a class without a limit."""
        return self._placed.get((job.tenant, job.user or "", job.workload_class or ""), 0)

    def freeze(self) -> tuple[list[tuple[_Owner, str, Served]], list[tuple[str, str, int]]]:
        """Copy what the log says: service received, and weights. What placed jobs will receive follows from them."""
        return [(*key, it) for key, it in self._served.items()], [(*key, it) for key, it in self._weights.items()]

    def restore(self, served: Iterable[tuple[_Owner, str, Served]], weights: Iterable[tuple[str, str, int]]) -> None:
        """Become what was frozen."""
        self._served.update({(owner, kind): it for owner, kind, it in served})
        self._weights.update({(tenant, project): it for tenant, project, it in weights})

    def _account(self, owner: _Owner, kind: str | None, kinds: Iterable[str]) -> Account:
        tenant, project, user = owner
        weight = 1 if project is None or user is not None else self._weights.get((tenant, project), 1)
        served, expected_us = Served(), 0
        for it in kinds:
            served = _both(served, self._served.get((owner, it), Served()))
            expected_us += self._expected.get((owner, it), 0)
        return Account(tenant, project, user, kind, weight, served, expected_us)


def _both(one: Served, other: Served) -> Served:
    """Add what was received, as of the later period."""
    period = max(one.period, other.period)
    return Served(one.at(period).us + other.at(period).us, period)


def _owners(job: Job) -> Iterable[_Owner]:
    yield job.tenant, None, None
    if job.project is not None:
        yield job.tenant, job.project, None
        if job.user is not None:
            yield job.tenant, job.project, job.user
