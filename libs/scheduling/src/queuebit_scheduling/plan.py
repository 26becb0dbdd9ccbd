"""What a policy decides, and what it compared to decide so."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Key, Snapshot, Tenant

__all__ = ["Choice", "Cycle", "Group", "Place", "Policy", "Step", "Target", "Turn", "plan"]


@dataclass(frozen=True, slots=True)
class Place:
    """Give the job to the backend."""

    job: Key
    backend: str
    expected_us: int
    """How long it is expected to run there."""
    scores: tuple[tuple[str, int], ...]
    """Expected completion in microseconds on each candidate that is registered and answers, soonest first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A tenant that has a job which can be placed."""

    tenant: Tenant
    usage_us: int
    """Service received, partly forgotten, and the expected run time of what is outstanding."""
    cost_us: int
    """What the job counts beside it."""
    job: Job | None
    """The job that is next, or None where it is not in the snapshot; `cost_us` is then the least it can be."""
    rank: Fraction
    """(usage + cost) / share: the lowest is next."""


@dataclass(frozen=True, slots=True)
class Target:
    """A candidate of the job whose turn it is."""

    candidate: Candidate
    expected_us: int
    capacity: BackendCapacity | None
    """As it is at this moment of the cycle; None if it has not registered."""
    free: int
    completion_us: int
    """Expected time until the job would have ended there; 0 if it has not registered."""


@dataclass(frozen=True, slots=True)
class Step:
    """One placement, and what was compared for it."""

    place: Place
    turns: tuple[Turn, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """The decisions of one cycle."""

    snapshot: Snapshot
    places: tuple[Place, ...]
    """In the order in which they were made. Every other job of the snapshot waits; `reasons.waiting` says why."""


Choice = tuple[tuple[str, Callable[[Target], "int | str"]], ...]
"""Named rules by which one of several targets is chosen: the least by the first rule that tells two apart."""


Group = TypeVar("Group", bound=Hashable)
"""What a policy calls a group: any value that tells groups apart."""


class Policy(Protocol):
    """The rules. The scheduler keeps waiting jobs as these functions say, and knows no rule of its own."""

    @property
    def name(self) -> str:
        """Name and version; it changes whenever a snapshot could be decided otherwise."""
        ...

    @property
    def choice(self) -> Choice:
        """Which of its free candidates a job goes to."""
        ...

    def free(self, backend: BackendCapacity) -> int:
        """How many more jobs a backend may be given."""
        ...

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """How long a job is expected to run: admission's promise, and what its like took of late, if known."""
        ...

    def group(self, job: Job) -> Hashable:
        """The group of a job. Jobs of one group have one tenant and the same candidates."""
        ...

    def order(self, job: Job) -> tuple[int, ...]:
        """The place of a job among those of its tenant: the smallest is next."""
        ...

    def shown(self, world: Snapshot, groups: Mapping[Group, tuple[Job, int]]) -> Mapping[Group, int]:
        """How many jobs of each group a snapshot shows; groups without one are left out.

        Args:
            world: every registered backend, and every tenant with a job here; no jobs.
            groups: of each the first job, and how many there are.
        """
        ...

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, placement by placement."""
        ...


def plan(policy: Policy, snapshot: Snapshot) -> Cycle:
    """Decide one scheduling cycle."""
    return Cycle(snapshot, tuple(step.place for step in policy.steps(snapshot)))
