"""The decisions of a policy, and the values that it compared."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Key, Snapshot, Tenant

__all__ = ["Choice", "Cycle", "Group", "Place", "Policy", "Step", "Target", "Turn", "plan"]


@dataclass(frozen=True, slots=True)
class Place:
    """The decision to place a job on a backend."""

    job: Key
    backend: str
    expected_us: int
    """Expected run time on this backend."""
    scores: tuple[tuple[str, int], ...]
    """Expected time to completion, in microseconds, on each registered candidate that answers; soonest first."""
    session: str | None = None
    """The session of the job, if the backend counts the run as one of sessions: see `Policy.owed_us`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A tenant with a job that can be placed."""

    tenant: Tenant
    usage_us: int
    """Service received, with decay, plus the expected run time of outstanding jobs."""
    cost_us: int
    """The cost of the job that is added to the usage."""
    job: Job | None
    """The next job; None if it is not in the snapshot, and `cost_us` is then a lower bound."""
    rank: Fraction
    """(usage + cost) / share; the lowest is next."""


@dataclass(frozen=True, slots=True)
class Target:
    """A candidate of the job that is placed next."""

    candidate: Candidate
    expected_us: int
    capacity: BackendCapacity | None
    """Its capacity at this point of the cycle; None if it is not registered."""
    free: int
    completion_us: int
    """Expected time until the job ends there; 0 if the backend is not registered."""


@dataclass(frozen=True, slots=True)
class Step:
    """One placement, and the values that were compared."""

    place: Place
    turns: tuple[Turn, ...]
    targets: tuple[Target, ...]
    session: str | None = None
    """The session whose priority decided that the job is next; None if it was the turn of its tenant."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """The decisions of one cycle."""

    snapshot: Snapshot
    places: tuple[Place, ...]
    """In the order of decision. All other jobs of the snapshot wait; `reasons.waiting` gives their reasons."""


Choice = tuple[tuple[str, Callable[[Target], "int | str"]], ...]
"""Named keys that choose one of several targets: the lowest by the first key; ties by the next."""


Group = TypeVar("Group", bound=Hashable)
"""The identity of a group, chosen by the policy."""


class Policy(Protocol):
    """The rules of scheduling. The scheduler itself has no rules; it keeps waiting jobs as these functions say."""

    @property
    def name(self) -> str:
        """Name and version. Must change if a snapshot may lead to another decision."""
        ...

    @property
    def choice(self) -> Choice:
        """The rule that chooses one of the free candidates of a job."""
        ...

    def free(self, backend: BackendCapacity, *, first: bool = False) -> int:
        """Return how many more jobs can be placed on a backend.

        Args:
            backend: the backend with its load.
            first: whether the jobs have the priority of a session.
        """
        ...

    def owed_us(self, owed_us: int, ran_us: int, *, session: bool) -> int:
        """Return what a backend owes to jobs without a session, after a job ran there.

        Args:
            owed_us: the value before, in microseconds.
            ran_us: how long the job ran.
            session: whether its placement counts as one of sessions (`Place.session`).
        """
        ...

    def leaves(self, here: BackendCapacity, others: Iterable[BackendCapacity]) -> bool:
        """Whether a job that has a place and has not started is decided again.

        Args:
            here: the backend where it waits.
            others: its other candidates; one without slots has not registered.
        """
        ...

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """Return the expected run time of a job, from the estimate at admission and recent times of similar jobs."""
        ...

    def group(self, job: Job) -> Hashable:
        """Return the group of a job. Jobs of one group have the same tenant, candidates and session."""
        ...

    def order(self, job: Job) -> tuple[int, ...]:
        """Return the sort key of a job among those of its tenant; the smallest is next."""
        ...

    def shown(self, world: Snapshot, groups: Mapping[Group, tuple[Job, int]]) -> Mapping[Group, int]:
        """Return how many jobs of each group a snapshot contains; omits groups with 0.

        Args:
            world: a snapshot of all registered backends and all tenants with waiting jobs, without jobs.
            groups: for each group the first job and the number of jobs.
        """
        ...

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, one placement at a time."""
        ...


def plan(policy: Policy, snapshot: Snapshot) -> Cycle:
    """Decide one scheduling cycle."""
    return Cycle(snapshot, tuple(step.place for step in policy.steps(snapshot)))
