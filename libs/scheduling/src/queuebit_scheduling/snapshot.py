"""The inputs of one scheduling decision: frozen, in integers and text, with sorted rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from queuebit_scheduling.usage import PERIOD_US, Served
from queuebit_scheduling.windows import Window

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

__all__ = [
    "AGED_US",
    "Account",
    "BackendCapacity",
    "Candidate",
    "CandidateGroup",
    "Job",
    "Key",
    "Movable",
    "PlacedCount",
    "Resource",
    "RunTime",
    "Snapshot",
    "Tenant",
    "cost_ranks",
]

AGED_US = 3_600_000_000
"""A job that has waited for so long goes before the classes and priorities of its project, by default: an hour."""

Key = tuple[str, str]
"""Tenant and id of a job."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class BackendCapacity:
    """A registered backend and its load."""

    name: str
    slots: int
    """The number of jobs that run at the same time."""
    queue_depth: int
    """The most placed jobs that have not ended."""
    taken: int = 0
    """The number of placed jobs that have not ended."""
    backlog_us: int = 0
    """Expected run time of these jobs."""
    silent_since_us: int | None = None
    """When its executor was last seen, if it counts as stopped; otherwise None."""
    owed_us: int = 0
    """Run time that jobs of sessions received or will receive there while others waited, and that others have not made
    up: see `Policy.owed_us`."""
    sessions: int = 0
    """The number of open sessions that have priority there."""
    out_since_us: int | None = None
    """Since when it is out of service, as the log says; None while it is in service. It may answer already, and is in
    service again when it has answered for long enough."""
    isolated_since_us: int | None = None
    """Since when it is isolated because of what it returns or of its calibration; it gets no jobs. Otherwise None."""
    windows: tuple[Window, ...] = ()
    """Periods in which it is not free for every job, sorted."""
    queue_us: int = 0
    """Expected time of the jobs of others that are in front of a new job, such as those in the queue of a vendor."""
    kind: str | None = None
    """Such as `simulator` or `qpu`; None if the platform has one kind."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", _sorted(self.windows, lambda it: it.place))

    @property
    def takes_jobs(self) -> bool:
        """Whether it answers and is not isolated."""
        return self.silent_since_us is None and self.isolated_since_us is None

    def with_jobs(self, count: int, expected_us: int) -> BackendCapacity:
        """Return the backend with so many more placed jobs, or fewer, and their expected run time."""
        taken, backlog_us = self.taken + count, self.backlog_us + expected_us
        state = self.silent_since_us, self.owed_us, self.sessions, self.out_since_us, self.isolated_since_us
        rest = *state, self.windows, self.queue_us, self.kind
        return BackendCapacity(self.name, self.slots, self.queue_depth, taken, backlog_us, *rest)

    def owing(self, owed_us: int) -> BackendCapacity:
        """Return the backend with another value of `owed_us`."""
        return replace(self, owed_us=owed_us)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant: its share, its service received, and its outstanding jobs."""

    name: str
    share: int
    served: Served
    outstanding_us: int
    """Expected run time of its placed jobs."""

    def with_jobs(self, expected_us: int) -> Tenant:
        """Return the tenant with more or less expected run time of placed jobs."""
        return Tenant(self.name, self.share, self.served, self.outstanding_us + expected_us)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend that admission allowed for a job, with its estimates."""

    backend: str
    qpu_us: int
    """The run time that admission estimated."""
    esp_ppm: int
    """Estimated success probability in parts per million; 1,000,000 for an ideal simulator."""
    cost_rank: int = 0
    """0 for the cheapest candidates of the job, 1 for the next price, and so on: see `cost_ranks`."""
    fallback: int = 0
    """Its place in the fallback of the job, from 1; 0 if the job asked for it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A waiting job. While it waits, its success probabilities can change, and its session can close."""

    tenant: str
    job: str
    sequence: int
    """The sequence of its `accepted` event in the log."""
    accepted_us: int
    size: str
    """The size class from `size_of`: jobs of one size have similar run times on one backend."""
    candidates: tuple[Candidate, ...]
    """Sorted by backend."""
    session: str | None = None
    """The open session that gives it priority; the job then has one candidate, the backend of the session."""
    fallback_after_us: int = 0
    """How long all candidates that it asked for must be out of service before it runs on its fallback."""
    objective: str | None = None
    """What it prefers of its candidates: see `OBJECTIVES`; None: the lowest cost."""
    project: str | None = None
    """None if its decision does not depend on projects; so are the next fields."""
    user: str | None = None
    """Who submitted it."""
    workload_class: str | None = None
    priority: int = 0
    """Compared among jobs of one tenant alone; the highest is first."""
    deadline_us: int | None = None
    """When it must have ended; None if that does not matter."""
    spot: bool = False
    """Whether it runs only while no other job wants the backend. A snapshot has spot jobs or others, not both."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", _sorted(self.candidates, lambda it: it.backend))

    @property
    def key(self) -> Key:
        return self.tenant, self.job


@dataclass(frozen=True, slots=True)
class Movable:
    """A placed job that has not started: a waiting job goes before it, or another backend became better for it."""

    job: Job
    backend: str
    """Where it waits for its turn."""
    expected_us: int
    """Its expected run time there."""
    moves: int = 0
    """How often it lost a place to a job that goes before it."""
    ahead_us: int | None = None
    """The run time that is left of the jobs that run before it there; None if it is not considered for a move."""
    left: tuple[str, ...] = ()
    """The backends that it was moved away from, because others became better for it."""


@dataclass(frozen=True, slots=True)
class CandidateGroup:
    """Waiting jobs of one tenant, project, user and class with the same candidates, session, fallback and objective: if
    the first cannot be placed, none can."""

    jobs: tuple[Job, ...]
    """The first jobs in the order of the policy."""
    waiting: int
    """The number of jobs, including those that are not in `jobs`."""


@dataclass(frozen=True, slots=True)
class RunTime:
    """The recent run time of jobs of one size on a backend."""

    backend: str
    size: str
    us: int


@dataclass(frozen=True, slots=True)
class Account:
    """What a project or a user received, or what a tenant received of one kind of backends."""

    tenant: str
    project: str | None
    """None: all of the tenant."""
    user: str | None
    """None: all of the project."""
    kind: str | None
    """Kind of backends; None if the platform has one kind."""
    weight: int
    """Of a project among those of its tenant; 1 otherwise."""
    served: Served
    outstanding_us: int
    """Expected run time of placed jobs."""


@dataclass(frozen=True, slots=True)
class Resource:
    """All backends of one kind."""

    kind: str
    slots: int


@dataclass(frozen=True, slots=True)
class PlacedCount:
    """How many placed jobs of a class a user has, where the class has a limit."""

    tenant: str
    user: str
    workload_class: str
    jobs: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The inputs of one cycle. The constructor sorts rows, so that equal contents are equal snapshots."""

    policy: str
    """Name and version of the policy."""
    at_us: int
    limit: int
    """The most placements of the cycle."""
    backends: tuple[BackendCapacity, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    run_times: tuple[RunTime, ...] = ()
    groups: tuple[CandidateGroup, ...] = ()
    period_us: int = PERIOD_US
    """How long service received stays before it decays by a tenth; half of it is left after 6.58 periods."""
    resources: tuple[Resource, ...] = ()
    """The kinds of backends, if the platform has several."""
    accounts: tuple[Account, ...] = ()
    placed: tuple[PlacedCount, ...] = ()
    movable: tuple[Movable, ...] = ()
    """Placed jobs that may give way, to jobs of their tenant, and spot jobs to those of all; and those that may be
    moved."""
    aged_us: int = AGED_US
    """After what time of waiting a job goes before the classes and priorities of its project."""

    def __post_init__(self) -> None:
        groups = [CandidateGroup(_sorted(it.jobs, _by_sequence), it.waiting) for it in self.groups]
        object.__setattr__(self, "backends", _sorted(self.backends, lambda it: it.name))
        object.__setattr__(self, "tenants", _sorted(self.tenants, lambda it: it.name))
        object.__setattr__(self, "run_times", _sorted(self.run_times, lambda it: (it.backend, it.size)))
        object.__setattr__(self, "resources", _sorted(self.resources, lambda it: it.kind))
        object.__setattr__(self, "accounts", _sorted(self.accounts, _by_owner))
        object.__setattr__(self, "placed", _sorted(self.placed, lambda it: (it.tenant, it.user, it.workload_class)))
        object.__setattr__(self, "movable", _sorted(self.movable, lambda it: _by_sequence(it.job)))
        object.__setattr__(self, "groups", _sorted(groups, lambda it: _by_sequence(it.jobs[0])))

    def showing(
        self,
        groups: tuple[CandidateGroup, ...],
        run_times: tuple[RunTime, ...],
        accounts: tuple[Account, ...] = (),
        movable: tuple[Movable, ...] = (),
    ) -> Snapshot:
        """Return the snapshot with these jobs and further accounts, and only with their backends and owners."""
        owners = {(it.tenant, it.project, it.user) for group in groups for it in group.jobs[:1]}
        owners |= {(tenant, project, None) for tenant, project, _ in owners}
        owners |= {(tenant, None, None) for tenant, _, _ in owners}
        users = {(it.tenant, it.user, it.workload_class) for group in groups for it in group.jobs[:1]}
        tenants = {it.jobs[0].tenant for it in groups}
        candidates = {it.backend for group in groups for it in group.jobs[0].candidates}
        candidates |= {it.backend for placed in movable for it in placed.job.candidates}
        return Snapshot(
            self.policy,
            self.at_us,
            self.limit,
            backends=tuple(it for it in self.backends if it.name in candidates),
            tenants=tuple(it for it in self.tenants if it.name in tenants),
            run_times=run_times,
            groups=groups,
            period_us=self.period_us,
            resources=self.resources,
            accounts=tuple(it for it in (*self.accounts, *accounts) if (it.tenant, it.project, it.user) in owners),
            placed=tuple(it for it in self.placed if (it.tenant, it.user, it.workload_class) in users),
            movable=movable,
            aged_us=self.aged_us,
        )


def cost_ranks(costs: Mapping[str, Decimal]) -> dict[str, int]:
    """Rank backends by what a job may cost there: 0 for the lowest cost, and the same rank for the same cost."""
    ascending = sorted({*costs.values()})
    return {backend: ascending.index(cost) for backend, cost in costs.items()}


def _sorted(rows: Iterable[_Row], key: Callable[[_Row], SupportsRichComparison]) -> tuple[_Row, ...]:
    found = tuple(rows)
    return found if len(found) < 2 else tuple(sorted(found, key=key))


def _by_sequence(job: Job) -> tuple[int, str, str]:
    return job.sequence, job.tenant, job.job


def _by_owner(it: Account) -> tuple[str, str, str, str]:
    return it.tenant, it.project or "", it.user or "", it.kind or ""
