"""Chooses the next job and its backend: weighted fair share (`shares`); then what the job prefers of its backends.

While all backends that a job asks for are out of service, it runs on its fallback (`fallback`).

All decisions use a frozen snapshot with integers and fractions, and every tie has a named rule. To change a rule, edit
it here, give `FairShare.name` a new version, and add a test. `registry` explains how to keep earlier versions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from math import lcm

from queuebit_scheduling import moves, preemption
from queuebit_scheduling.classes import ClassLimits, class_of, is_late
from queuebit_scheduling.cycle import CycleState
from queuebit_scheduling.fallback import answers, usable
from queuebit_scheduling.isolation import PROBES, takes
from queuebit_scheduling.objectives import AWAIT_FIRST_US, AWAIT_US, AWAITED_FOR, AWAITED_JOBS, AWAITING, OBJECTIVES
from queuebit_scheduling.plan import Choice, Group, Step, Target
from queuebit_scheduling.shares import Head, Line, Shares
from queuebit_scheduling.snapshot import AGED_US, Account, BackendCapacity, Candidate, Job, Movable, Snapshot, Tenant
from queuebit_scheduling.windows import fits, is_open

__all__ = [
    "AHEAD_JOBS",
    "AHEAD_US",
    "BURST_US",
    "LATE_JOBS",
    "NEAR_JOBS",
    "NEAR_US",
    "POLICY",
    "SESSION_PARTS",
    "SNAPSHOT_JOBS",
    "FairShare",
]

SNAPSHOT_JOBS = 64
"""The most jobs in a snapshot: twice as many as a cycle places."""

SESSION_PARTS = 3
"""Of four parts of a backend's time, those that sessions receive at most by priority while others wait."""

BURST_US = 10_000_000
"""Run time per slot that sessions may receive in advance of it."""

NEAR_JOBS, NEAR_US = 2, 2_000_000
"""Per slot of a backend with an open session: other jobs are placed while fewer jobs are, or less run time."""

LATE_JOBS = 1
"""Per slot: jobs of a class that binds late are placed while fewer jobs are, or less run time."""

AHEAD_JOBS, AHEAD_US = 2, 20_000_000
"""On a backend that runs one job at a time: jobs are placed while fewer jobs are, or less run time. So short jobs take
all places, which keeps an executor busy; of long ones, one waits there while another runs. A job that arrives later and
is next then waits for little that was placed before it."""


class FairShare:
    """The rules in force.

    1. A job can be placed if one of its candidates is registered, answers, is not isolated and has a free place; an
       isolated backend takes jobs of probes. Other jobs wait and do not block any job. On a backend with open sessions,
       jobs without one are placed shortly before they run.
    2. Jobs of an open session are next on its backend, before the turn of any tenant, unless the backend owes too much
       run time to others. It owes what jobs of sessions run while others wait; each job of these pays back three
       times its own run time. Several sessions are compared as in 3.
    3. Among the tenants with such a job, the lowest (usage + cost) / share is next; ties: tenant name. Usage is service
       received, with decay, plus the expected run time of outstanding jobs; of several kinds of backends, the largest
       part of one kind counts (`shares`). Cost is the shortest expected run time of the job minus its waiting time, and
       at least half of it: a job runs whole, so that its tenant is ahead by half a job on average.
    4. Inside the tenant, jobs of the class `interactive` are next. Then the project with the lowest usage / weight is;
       in it, jobs that have waited for `aged_us`, then the class, then the priority; then the user with the lowest
       usage; then the oldest job. A job whose user has as many placed jobs as its class allows waits.
    5. It is placed on the first free candidate by its objective (`objectives`): by default the cheapest, then the
       soonest. Its candidates are those that it asked for. While all of these are out of service, and have been for as
       long as its project allows, they are those of its fallback that answer, in their order. Jobs of the classes
       `batch` and `sandbox` are placed shortly before they run. A backend that runs one job at a time is full with two
       jobs and 20 seconds of run time, even if it has places. In front of a queue of others, a backend has free places
       while the placed run time is less than that queue. A job with the objective `time`, `fidelity` or `balanced`
       waits for a full backend, for ten minutes at most, and for ten seconds if it is `interactive`, if that is the
       better choice also behind the jobs that already wait for it.
       It is placed only where it is expected to end before the next window that is not its own, and in a reservation
       of its holder, before the end of that (`windows`); a job that does not fit does not block shorter ones.
    6. Placed jobs of its tenant that have not started give way to it where it is placed, if its class goes before
       theirs, or in one project its priority, and if it so starts sooner by five seconds: they are placed again behind
       it (`preemption`). So do spot jobs of all tenants, which are decided only while no other job is placed. A full
       backend takes it, too, if jobs give way to it there.
    7. The next decision includes this placement. Repeat from 2 up to the limit of the cycle, or until the next tenant
       may have a job that is not in the snapshot.
    8. When no waiting job can be placed any more, placed jobs that have not started are moved, oldest first: to a free
       candidate that its objective prefers to where it waits, and where it ends five seconds sooner or more. A job is
       moved twice at most, and never to a backend that it left (`moves`).
    """

    name = "fair-share/9"

    most_moves = moves.MOVES
    """How often one job is moved at most."""

    def choice(self, objective: str | None) -> Choice:
        """Return the rules of an objective; those of `cost` for none, and for one that this version does not know."""
        return OBJECTIVES.get(objective or "", OBJECTIVES["cost"])

    def free(self, backend: BackendCapacity, *, first: bool = False, late: bool = False, tenant: str = "") -> int:
        """Return how many more jobs of a tenant can be placed on a backend; 0 while it does not answer or is isolated.

        An isolated backend takes those of probes. A job cannot start before the queue of others in front of it ends. So
        places count in time there: to hold jobs back makes them later, and lets no other job run sooner.
        """
        if not takes(backend, tenant) or (backend.sessions and not first and _is_near_full(backend)):
            return 0
        if backend.queue_us:
            in_time = backend.backlog_us < backend.queue_us * backend.slots
            return max(backend.queue_depth if in_time else 0, backend.queue_depth - backend.taken)
        if self.has_enough(backend) or (late and _is_near_full(backend, LATE_JOBS)):
            return 0
        return max(0, backend.queue_depth - backend.taken)

    def has_enough(self, backend: BackendCapacity) -> bool:
        """Whether a backend takes no more jobs, even if it has places, because of the run time that is placed there.

        Where several jobs run at the same time, a short one does not wait for all that are long: the executor decides
        which run side by side. A backend with sessions has a rule of its own.
        """
        return backend.slots == 1 and not backend.sessions and _is_near_full(backend, AHEAD_JOBS, AHEAD_US)

    def precedes(self, backend: BackendCapacity) -> bool:
        """Whether jobs of sessions go first on a backend."""
        return backend.owed_us <= BURST_US * backend.slots

    def owed_us(self, owed_us: int, ran_us: int, *, session: bool) -> int:
        """Add what a session received; subtract three times what another job received, down to 0."""
        return owed_us + ran_us if session else max(0, owed_us - SESSION_PARTS * ran_us)

    def usable(self, job: Job, backends: Mapping[str, BackendCapacity], at_us: int) -> tuple[Candidate, ...]:
        """Return the candidates of the fallback if the job may run on it now; otherwise those that it asked for.

        A backend that went out of service is out until it has answered for long enough, so that jobs do not follow each
        of its answers.
        """
        return usable(job, backends, at_us)

    def leaves(self, job: Job, backend: str, backends: Mapping[str, BackendCapacity], at_us: int) -> bool:
        """Whether it waits at a backend that takes no jobs, while another one that it may use does."""
        here = backends.get(backend)
        if here is None or takes(here, job.tenant):
            return False
        others = (it for it in self.usable(job, backends, at_us) if it.backend != backend)
        return any(answers(backends.get(it.backend)) for it in others)

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """Return the learned run time; the estimate of admission if there is none."""
        return learned_us or max(1, promised_us)

    def late_us(self, expected_us: int, ran_us: int) -> int:
        """Return how much longer a run that has begun takes than its expected time, by which its backend has a load."""
        return max(0, moves.left_us(expected_us, ran_us) - expected_us) if ran_us > expected_us else 0

    def group(self, job: Job) -> Hashable:
        """Return tenant, project, user, class, priority, whether it is spot, session, candidates, fallback and
        objective: groups can be placed independently."""
        candidates = tuple((it.backend, it.fallback) for it in job.candidates)
        owner = job.tenant, job.project, job.user, job.workload_class, job.priority, job.spot
        return *owner, job.session, candidates, job.fallback_after_us, job.objective

    def precedence(self, job: Job) -> tuple[int, ...]:
        """The class, then the priority."""
        return preemption.rank(job)

    def goes_before(self, job: Job, placed: Job) -> str | None:
        """Return why a placed job gives way to a waiting one: `class`, `priority` or `spot`; None if not."""
        return preemption.rule(job, placed)

    def movers(
        self,
        job: Job,
        capacity: BackendCapacity,
        expected_us: int,
        placed: Iterable[Movable],
        at_us: int,
        aged_us: int = AGED_US,
    ) -> tuple[Movable, ...]:
        """Return which of these placed jobs give way to a job that is placed on their backend."""
        return preemption.movers(job, capacity, expected_us, placed, at_us, aged_us)

    def better(self, placed: Movable, targets: Sequence[Target], at_us: int) -> Target | None:
        """Return where a placed job is moved; None if it stays.

        Args:
            placed: the job.
            targets: where it may be placed now, and where it waits, with the time until it ends.
            at_us: the moment of the decision.
        """
        if placed.ahead_us is None or len(placed.left) >= self.most_moves:
            return None
        return moves.better(self.choice(placed.job.objective), placed, targets, at_us)

    def improvable(self, world: Snapshot) -> tuple[Movable, ...]:
        """Return the placed jobs of a snapshot that would be moved if no job waited."""
        return CycleState(self, world).improvable()

    def order(self, job: Job) -> tuple[int, ...]:
        """Oldest first."""
        return (job.sequence,)

    def shown(
        self,
        world: Snapshot,
        groups: Mapping[Group, tuple[Job, int]],
        within: Callable[[Iterable[Job]], Iterable[Account]] = lambda _: (),
    ) -> Mapping[Group, int]:
        """Return the same number for each group, at most what one cycle can place.

        If there are more groups than jobs in a snapshot, those come first that are next by the rules 3 and 4. Groups of
        sessions take half of it at most, so that they do not hide that others wait. Tenants are examined in their
        order, and only as many as are needed.
        """
        shares, useful = Shares(world), self._useful(world)
        of_tenant: dict[str, list[Group]] = {}
        for group, (first, _) in groups.items():
            of_tenant.setdefault(first.tenant, []).append(group)
        with_sessions = {first.tenant for first, _ in groups.values() if first.session is not None}
        found: dict[str, dict[Group, int]] = {}
        sessions, others = 0, 0
        for name in _by_usage(shares, world.tenants):
            if others >= SNAPSHOT_JOBS and (sessions >= SNAPSHOT_JOBS // 2 or name not in with_sessions):
                continue
            counts = {it: count for it in of_tenant.get(name, ()) if (count := useful(*groups[it]))}
            if counts:
                found[name] = counts
                sessions += sum(groups[it][0].session is not None for it in counts)
                others += sum(groups[it][0].session is None for it in counts)
        placeable = [group for counts in found.values() for group in counts]
        if len(placeable) > SNAPSHOT_JOBS:
            placeable = []
            for name, counts in found.items():
                shares.know(within(groups[it][0] for it in of_tenant[name]))
                heads = [Head(first, self.order(first), "", 0) for first in (groups[it][0] for it in counts)]
                lines = zip(self.lines(shares, heads), counts, strict=True)
                ranked = sorted(lines, key=lambda it: (*it[0].values, it[0].job.sequence))
                placeable += [group for _, group in ranked]
            first_groups = [it for it in placeable if groups[it][0].session is not None]
            most = max(SNAPSHOT_JOBS // 2, SNAPSHOT_JOBS - others)
            rest = [it for it in placeable if groups[it][0].session is None]
            placeable = [*first_groups[:most], *rest][:SNAPSHOT_JOBS]
        each = SNAPSHOT_JOBS // max(1, len(placeable))
        return {group: min(found[groups[group][0].tenant][group], each) for group in placeable}

    def _useful(self, world: Snapshot) -> Callable[[Job, int], int]:
        """Return how many jobs of a group one cycle can place or let wait, by its first job and their number."""
        backends, within = {it.name: it for it in world.backends}, ClassLimits(world)
        with_windows = {it.name for it in world.backends if it.windows}
        places: dict[tuple[bool, str], dict[str, int]] = {}
        spot = [it for it in world.movable if it.job.spot]
        placed_jobs: dict[str, list[Movable]] = {it.job.tenant: [*spot] for it in world.movable}
        for it in world.movable:
            if not it.job.spot:
                placed_jobs[it.job.tenant].append(it)

        def useful(job: Job, count: int) -> int:
            kind = is_late(job), PROBES if job.tenant == PROBES else ""
            if kind not in places:
                places[kind] = self._places(backends, kind[1], late=kind[0])
            movable = placed_jobs.get(job.tenant, spot)
            if not (places[kind] or movable) or not (wanted := min(count, world.limit, within.left(job))):
                return 0
            usable: Iterable[Candidate] = self.usable(job, backends, world.at_us)
            if with_windows:
                usable = (it for it in usable if _is_open(job, backends.get(it.backend), world.at_us))
            now = _placeable_now(usable, places[kind], wanted, AWAITED_JOBS if job.objective in AWAITING else 0)
            return now or int(any(it.backend in _names(job) and self.goes_before(job, it.job) for it in movable))

        return useful

    def _places(self, backends: Mapping[str, BackendCapacity], tenant: str, *, late: bool) -> dict[str, int]:
        """How many jobs of a tenant each backend takes that takes any."""
        free = {name: self.free(it, first=True, late=late, tenant=tenant) for name, it in backends.items()}
        return {name: count for name, count in free.items() if count}

    def lines(self, shares: Shares, heads: Sequence[Head]) -> tuple[Line, ...]:
        """Return the values by which jobs of one tenant are compared; the lowest is next.

        Args:
            shares: what its tenants, projects and users received.
            heads: the first job of each of its groups.
        """
        return shares.lines(heads)

    def awaited(self, job: Job, targets: Sequence[Target], chosen: Target, at_us: int) -> Target | None:
        """Return the full backend that a job waits for; None if it is placed on the best free one.

        Args:
            job: the job.
            targets: its candidates; those that jobs wait for already have the run time of these in their load.
            chosen: the best of the free ones.
            at_us: the moment of the decision.
        """
        if job.objective not in AWAITING or chosen.candidate.fallback or at_us - job.accepted_us >= self.await_us(job):
            return None
        late = is_late(job)
        full = [it for it in targets if it.capacity is not None and takes(it.capacity, job.tenant) and not it.free]
        full = [it for it in full if it.capacity and not self.free(it.capacity, late=late, tenant=job.tenant)]
        full = [it for it in full if it.capacity and fits(job, it.capacity, it.expected_us, at_us)]
        _, value = next(it for it in self.choice(job.objective) if it[0] in AWAITED_FOR)
        best = min(full, key=lambda it: (value(it), it.candidate.backend), default=None)
        return best if best is not None and value(best) < value(chosen) else None  # type: ignore[operator]  # integers

    def await_us(self, job: Job) -> int:
        """Return how long a job waits at most for a place on a better backend while another has a free one."""
        return AWAIT_FIRST_US if class_of(job.workload_class).first else AWAIT_US

    def cost_us(self, job: Job, expected_us: int, at_us: int) -> int:
        """Return the cost of a job in the comparison of tenants."""
        return max(expected_us // 2, expected_us - max(0, at_us - job.accepted_us))

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, placement by placement."""
        cycle = CycleState(self, snapshot)
        for _ in range(snapshot.limit):
            if (step := cycle.step()) is None:
                yield from cycle.moves()
                return
            yield step
            yield from step.moved


def _by_usage(shares: Shares, tenants: Sequence[Tenant]) -> list[str]:
    """Return the names of tenants by usage / share, then by name; with whole numbers, which compare quickly."""
    common = lcm(*{it.share for it in tenants})
    rank = {it.name: shares.usage_us(it.name) * (common // it.share) for it in tenants}
    return sorted(rank, key=lambda it: (rank[it], it))


def _names(job: Job) -> set[str]:
    return {it.backend for it in job.candidates}


def _is_open(job: Job, backend: BackendCapacity | None, at_us: int) -> bool:
    """Whether no window excludes the job now from a backend that is registered."""
    return backend is not None and is_open(job, backend, at_us)


def _placeable_now(usable: Iterable[Candidate], places: Mapping[str, int], wanted: int, awaiting: int) -> int:
    """How many of `wanted` jobs with these candidates have a free place; stops counting when all have.

    If some have, so many more are `awaiting` a full backend, and let others have the free ones.
    """
    found = 0
    for it in usable:
        if found >= wanted:
            return wanted
        found += places.get(it.backend, 0)
    return min(found + awaiting, wanted) if found else 0


def _is_near_full(backend: BackendCapacity, jobs: int = NEAR_JOBS, us: int = NEAR_US) -> bool:
    return backend.taken >= jobs * backend.slots and backend.backlog_us >= us * backend.slots


POLICY = FairShare()
"""The policy of the scheduler."""
