"""The decisions of a policy, and the values that it compared."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol, TypeVar

from queuebit_scheduling.shares import Line
from queuebit_scheduling.snapshot import Account, BackendCapacity, Candidate, Job, Key, Movable, Snapshot, Tenant

__all__ = [
    "Choice",
    "Cycle",
    "FellBack",
    "GaveWay",
    "Group",
    "Moved",
    "Place",
    "Policy",
    "Step",
    "Target",
    "Turn",
    "best",
    "plan",
]


@dataclass(frozen=True, slots=True)
class FellBack:
    """Why a job is placed on its fallback."""

    instead_of: tuple[str, ...]
    """The candidates that it asked for; all of them are out of service."""
    since_us: int
    """Since when the last of them is."""


@dataclass(frozen=True, slots=True)
class GaveWay:
    """Why a job that has a place is placed again."""

    to: Key
    """The job that goes before it."""
    rule: str
    """Why that one does: `class`, `priority` or `spot`."""
    gained_us: int
    """How much sooner that one is expected to start, with all jobs that give way to it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Why a job that has a place is placed on another backend, which became better for it."""

    left: str
    """The backend at which it waited."""
    gained_us: int
    """How much sooner it is expected to end."""


@dataclass(frozen=True, slots=True)
class Place:
    """The decision to place a job on a backend."""

    job: Key
    backend: str
    expected_us: int
    """Expected run time on this backend."""
    scores: tuple[tuple[str, int], ...]
    """Expected time to completion, in microseconds, on each registered candidate that takes jobs; soonest first."""
    session: str | None = None
    """The session of the job, if the backend counts the run as one of sessions: see `Policy.owed_us`."""
    fallback: FellBack | None = None
    """Set if this is a fallback for candidates that the job has; None also for a job that fell back at its admission,
    and has no other."""
    reservation: str | None = None
    """The reservation in whose slot the job runs."""
    start_by_us: int | None = None
    """The last moment at which it can start there and end before the next window; None: any."""
    gave_way: GaveWay | None = None
    """Set if the job had a place, and gets this one behind another job."""
    moved: Moved | None = None
    """Set if the job had a place on another backend, and this one became better for it."""

    @property
    def again(self) -> bool:
        """Whether the job had a place before."""
        return self.gave_way is not None or self.moved is not None


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
    lines: tuple[Line, ...] = ()
    """The first job of each group of the tenant that can be placed, if the policy compares them by `shares.LINE`."""


class Target(NamedTuple):
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
    moved: tuple[Step, ...] = ()
    """The jobs that give way to it, each with its new place. They are placed after it, in this order."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """The decisions of one cycle."""

    snapshot: Snapshot
    places: tuple[Place, ...]
    """In the order of decision. All other jobs of the snapshot wait; `reasons.waiting` gives their reasons."""


Choice = tuple[tuple[str, Callable[[Target], "int | str"]], ...]
"""Named keys that choose one of several targets: the lowest by the first key; ties by the next."""


def best(choice: Choice, targets: Sequence[Target]) -> Target:
    """Return the target that the rules choose, one after another: most are decided by the first ones."""
    for _, rule in choice:
        values = [rule(it) for it in targets]
        least = min(values)
        targets = [it for it, value in zip(targets, values, strict=True) if value == least]
        if len(targets) == 1:
            break
    return targets[0]


Group = TypeVar("Group", bound=Hashable)
"""The identity of a group, chosen by the policy."""


class Policy(Protocol):
    """The rules of scheduling. The scheduler itself has no rules; it keeps waiting jobs as these functions say."""

    @property
    def name(self) -> str:
        """Name and version. Must change if a snapshot may lead to another decision."""
        ...

    def choice(self, objective: str | None) -> Choice:
        """Return the rule that chooses one of the free candidates of a job, by what the job prefers."""
        ...

    def free(self, backend: BackendCapacity, *, first: bool = False, late: bool = False, tenant: str = "") -> int:
        """Return how many more jobs can be placed on a backend.

        Args:
            backend: the backend with its load.
            first: whether the jobs have the priority of a session.
            late: whether the jobs are of a class that is placed shortly before it runs.
            tenant: whose jobs; those of probes are placed on an isolated backend, too.
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

    def usable(self, job: Job, backends: Mapping[str, BackendCapacity], at_us: int) -> tuple[Candidate, ...]:
        """Return the candidates where a job may be placed now: those that it asked for, or those of its fallback.

        Args:
            job: a waiting job.
            backends: all registered backends.
            at_us: the moment of the decision.
        """
        ...

    def leaves(self, job: Job, backend: str, backends: Mapping[str, BackendCapacity], at_us: int) -> bool:
        """Whether a job that has a place and has not started is decided again.

        Args:
            job: the job.
            backend: where it waits.
            backends: all registered backends.
            at_us: the moment of the decision.
        """
        ...

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """Return the expected run time of a job, from the estimate at admission and recent times of similar jobs."""
        ...

    def late_us(self, expected_us: int, ran_us: int) -> int:
        """Return how much longer a run that has begun takes than its expected time, by which its backend has a load."""
        ...

    def group(self, job: Job) -> Hashable:
        """Return the group of a job. Jobs of one group have the same tenant, project, user, class, priority,
        candidates, session, fallback and objective."""
        ...

    def precedence(self, job: Job) -> tuple[int, ...]:
        """Return what a job is listed by among those of its tenant, before `order`; the smallest is first."""
        ...

    def goes_before(self, job: Job, placed: Job) -> str | None:
        """Return by which rule a placed job gives way to a waiting one; None if it does not.

        Args:
            job: the waiting job.
            placed: a job that has not started.
        """
        ...

    def improvable(self, world: Snapshot) -> tuple[Movable, ...]:
        """Return the placed jobs of a snapshot that would be moved if no job waited.

        Args:
            world: a snapshot of all registered backends and placed jobs, without waiting jobs.
        """
        ...

    def order(self, job: Job) -> tuple[int, ...]:
        """Return the sort key of a job in its group, and among the jobs of its user that are equal otherwise; the
        smallest is next."""
        ...

    def shown(
        self,
        world: Snapshot,
        groups: Mapping[Group, tuple[Job, int]],
        within: Callable[[Iterable[Job]], Iterable[Account]] = lambda _: (),
    ) -> Mapping[Group, int]:
        """Return how many jobs of each group a snapshot contains; omits groups with 0.

        Args:
            world: a snapshot of all registered backends and all tenants with waiting jobs, without jobs.
            groups: for each group the first job and the number of jobs.
            within: what the projects and users of one tenant received, by the first jobs of all its groups, if the
                world has this of tenants only. It is asked for those tenants whose groups are compared.
        """
        ...

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, one placement at a time."""
        ...


def plan(policy: Policy, snapshot: Snapshot) -> Cycle:
    """Decide one scheduling cycle."""
    return Cycle(snapshot, tuple(step.place for step in policy.steps(snapshot)))
