"""Everything that one scheduling decision is made from: frozen, in integers and text, and kept in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from queuebit_scheduling.usage import Served

if TYPE_CHECKING:
    from _typeshed import SupportsRichComparison

__all__ = ["BackendCapacity", "Candidate", "CandidateGroup", "Job", "Key", "RunTime", "Snapshot", "Tenant"]

Key = tuple[str, str]
"""A job: its tenant and its id."""

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class BackendCapacity:
    """A registered backend, and how full it is."""

    name: str
    slots: int
    """Jobs that it runs at the same time."""
    queue_depth: int
    """Jobs that it may hold before one of them has ended."""
    taken: int = 0
    """Jobs that it holds."""
    backlog_us: int = 0
    """Expected run time of the jobs that it holds."""
    silent_since_us: int | None = None
    """Since when its executor has not answered, if it is taken for gone."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant: its weight, what it received, and what it is about to receive."""

    name: str
    share: int
    served: Served
    outstanding_us: int
    """Expected run time of its jobs that have a place."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backend on which admission allowed a job, and what was promised there."""

    backend: str
    qpu_us: int
    """The run time that admission expected."""
    esp_ppm: int
    """Estimated success probability in parts per million; an ideal simulator has 1,000,000."""
    cost_rank: int = 0
    """0 for the cheapest candidates of the job, 1 for the next price, and so on."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job without a place. Nothing of it changes while it waits, except a success probability."""

    tenant: str
    job: str
    sequence: int
    """Of its acceptance in the log: the older, the smaller."""
    accepted_us: int
    size: str
    """See `size_of`: jobs of one size take about as long on one backend."""
    candidates: tuple[Candidate, ...]
    """Sorted by backend."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", _sorted(self.candidates, lambda it: it.backend))

    @property
    def key(self) -> Key:
        return self.tenant, self.job


@dataclass(frozen=True, slots=True)
class CandidateGroup:
    """Waiting jobs of one tenant with the same candidates: if the first cannot be placed, none can."""

    jobs: tuple[Job, ...]
    """The first of them, in the order of the policy."""
    waiting: int
    """How many there are, including those that are not shown."""


@dataclass(frozen=True, slots=True)
class RunTime:
    """How long jobs of one size took on a backend of late."""

    backend: str
    size: str
    us: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The inputs of one cycle. Rows are sorted when it is made, so that equal contents are equal snapshots."""

    policy: str
    """Name and version of the rules that decide."""
    at_us: int
    limit: int
    """The most placements of the cycle."""
    backends: tuple[BackendCapacity, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    run_times: tuple[RunTime, ...] = ()
    groups: tuple[CandidateGroup, ...] = ()

    def __post_init__(self) -> None:
        groups = [CandidateGroup(_sorted(it.jobs, _by_sequence), it.waiting) for it in self.groups]
        object.__setattr__(self, "backends", _sorted(self.backends, lambda it: it.name))
        object.__setattr__(self, "tenants", _sorted(self.tenants, lambda it: it.name))
        object.__setattr__(self, "run_times", _sorted(self.run_times, lambda it: (it.backend, it.size)))
        object.__setattr__(self, "groups", _sorted(groups, lambda it: _by_sequence(it.jobs[0])))

    def showing(self, groups: tuple[CandidateGroup, ...], run_times: tuple[RunTime, ...]) -> Snapshot:
        """The same moment with these jobs, and with the backends and tenants that they concern."""
        tenants = {it.jobs[0].tenant for it in groups}
        candidates = {it.backend for group in groups for it in group.jobs[0].candidates}
        return replace(
            self,
            backends=tuple(it for it in self.backends if it.name in candidates),
            tenants=tuple(it for it in self.tenants if it.name in tenants),
            run_times=run_times,
            groups=groups,
        )


def _sorted(rows: Iterable[_Row], key: Callable[[_Row], SupportsRichComparison]) -> tuple[_Row, ...]:
    return tuple(sorted(rows, key=key))


def _by_sequence(job: Job) -> tuple[int, str, str]:
    return job.sequence, job.tenant, job.job
