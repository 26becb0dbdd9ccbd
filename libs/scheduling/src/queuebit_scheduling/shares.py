"""Weighted fair share: of tenants by share, inside a tenant of projects by weight, inside a project of users equally.

What is counted is run time on backends, with decay, and the expected run time of placed jobs. Kinds of backends differ
in cost: a second of a device is not a second of a simulator. So the time on each kind is divided by the slots of all
backends of this kind, and the largest of these parts counts (dominant resource fairness, Ghodsi et al., NSDI 2011).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from queuebit_scheduling.classes import class_of
from queuebit_scheduling.snapshot import AGED_US, Account, Job, Snapshot

__all__ = ["AGED_US", "LINE", "Head", "Line", "Shares"]

LINE = (
    "interactive",
    "project_share",
    "project_name",
    "aging",
    "class",
    "priority",
    "user_share",
    "user_name",
    "order",
)
"""The names of the values that are compared inside a tenant, in this order."""

_Owner = tuple[str, str | None, str | None]
"""Tenant; project or None for all; user or None for all."""

_ANY = ""
"""The kind of all backends together, if the platform has one kind."""


_Values = tuple[bool | int | str | Fraction | tuple[int, ...], ...]


_Project = tuple[bool, str | None]
_User = tuple[_Project, tuple[bool, int, int], str | None]
"""Project; age, class and priority; user."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first job of a group that can be placed."""

    job: Job
    order: tuple[int, ...]
    """Its order among the jobs of its user."""
    backend: str
    """Where it is expected to run for the shortest time."""
    run_us: int
    """This time."""


@dataclass(frozen=True, slots=True)
class Line:
    """A job that could be next in its tenant, and its values for `LINE`; the lowest is next."""

    job: Job
    values: _Values
    """Empty for the only one of its tenant."""


class Shares:
    """What each tenant, project and user has received or will receive, during one cycle."""

    def __init__(self, world: Snapshot) -> None:
        self._period = period = world.at_us // world.period_us
        self._at_us, self._aged_us = world.at_us, world.aged_us
        self._slots = {it.kind: it.slots for it in world.resources} or {_ANY: 1}
        self._kinds = {it.name: it.kind for it in world.backends if it.kind in self._slots}
        self._used: dict[_Owner, dict[str, int]] = {}
        self._weights: dict[tuple[str, str], int] = {}
        self.know(world.accounts)
        for tenant in world.tenants:
            us = tenant.served.at(period).us + tenant.outstanding_us
            self._used.setdefault((tenant.name, None, None), {next(iter(self._slots)): us})

    def know(self, accounts: Iterable[Account]) -> None:
        """Add what owners received."""
        for row in accounts:
            used = self._used.setdefault((row.tenant, row.project, row.user), {})
            if (row.kind or _ANY) in self._slots:
                used[row.kind or _ANY] = row.served.at(self._period).us + row.outstanding_us
            if row.project is not None and row.user is None:
                self._weights[row.tenant, row.project] = row.weight

    def usage_us(self, tenant: str) -> int:
        """Return the largest part of a kind of backends that a tenant has, as run time per slot."""
        return self._dominant((tenant, None, None))

    def with_cost_us(self, tenant: str, backend: str, cost_us: int) -> int:
        """Return the usage of a tenant if a job of so much run time is placed on a backend."""
        return self._with((tenant, None, None), backend, cost_us)

    def add(self, job: Job, backend: str, us: int) -> None:
        """Count a job that is placed."""
        kind = self._kind(backend)
        for owner in _owners(job):
            used = self._used.setdefault(owner, {})
            used[kind] = used.get(kind, 0) + us

    def lines(self, heads: Sequence[Head]) -> tuple[Line, ...]:
        """Return the values that are compared inside a tenant, for the first job of each of its groups.

        Jobs run whole, so that an owner is ahead by half a job on average. So half of the run time of the job that
        would be next counts as received: of a user that of its first job, of a project that of its first user's.
        """
        if len(heads) == 1:
            return (Line(heads[0].job, ()),)
        users = [(_project(it.job), self._level(it.job), it.job.user) for it in heads]
        of_user: dict[_User, Head] = {}
        for key, it in zip(users, heads, strict=True):
            if key not in of_user or it.order < of_user[key].order:
                of_user[key] = it
        user_us = {key: self._after(it, it.job.user) for key, it in of_user.items()}
        of_project: dict[_Project, tuple[Any, Head]] = {}  # values that are compared, and the head
        for key, it in of_user.items():
            project, level, _ = key
            rank = *level, user_us[key], it.job.user or "", it.order
            if (known := of_project.get(project)) is None or rank < known[0]:
                of_project[project] = rank, it
        ranks = {key: self._rank(it) for key, (_, it) in of_project.items()}
        lines = []
        for (project, level, user), it in zip(users, heads, strict=True):
            us = user_us[project, level, user]
            values = project[0], ranks[project], it.job.project or "", *level, us, user or "", it.order
            lines.append(Line(it.job, values))
        return tuple(lines)

    def _rank(self, head: Head) -> Fraction:
        """Return what is compared of the project of a job."""
        weight = self._weights.get((head.job.tenant, head.job.project or ""), 1)
        return Fraction(self._after(head, None), weight)

    def _level(self, job: Job) -> tuple[bool, int, int]:
        """Return what is compared inside a project, before users: age, class and priority."""
        if self._at_us - job.accepted_us >= self._aged_us:
            return False, 0, 0
        return True, class_of(job.workload_class).rank, -job.priority

    def _after(self, head: Head, user: str | None) -> int:
        """Return the usage of the project of a job, or of its user, with half of the job."""
        owner = head.job.tenant, head.job.project, user
        return 0 if head.job.project is None else self._with(owner, head.backend, head.run_us // 2)

    def _with(self, owner: _Owner, backend: str, us: int) -> int:
        kind = self._kind(backend)
        used = self._used.get(owner, {}).get(kind, 0)
        return max(self._dominant(owner), (used + us) // self._slots[kind])

    def _dominant(self, owner: _Owner) -> int:
        used = self._used.get(owner)
        return max((us // self._slots[kind] for kind, us in used.items()), default=0) if used else 0

    def _kind(self, backend: str) -> str:
        """Return the kind of a backend; the first, if the platform has one kind."""
        return self._kinds.get(backend) or next(iter(self._slots))


def _owners(job: Job) -> Iterable[_Owner]:
    yield job.tenant, None, None
    if job.project is not None:
        yield job.tenant, job.project, None
        if job.user is not None:
            yield job.tenant, job.project, job.user


def _project(job: Job) -> _Project:
    """Whether other classes go before a job, and its project."""
    return not class_of(job.workload_class).first, job.project
