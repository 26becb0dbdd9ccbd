"""Chooses the next job and its backend: weighted fair share (`shares`); then what the job prefers of its backends.

While all backends that a job asks for are out of service, it runs on its fallback (`fallback`).

All decisions use a frozen snapshot with integers and fractions, and every tie has a named rule. To change a rule, edit
it here, give `FairShare.name` a new version, and add a test. `registry` explains how to keep earlier versions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from queuebit_scheduling.classes import class_of
from queuebit_scheduling.fallback import answers, fell_back, usable
from queuebit_scheduling.isolation import PROBES, takes
from queuebit_scheduling.objectives import AWAITED_FOR, AWAITING, OBJECTIVES
from queuebit_scheduling.plan import Choice, Group, Place, Step, Target, Turn
from queuebit_scheduling.shares import Head, Line, Shares
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Key, Snapshot, Tenant
from queuebit_scheduling.windows import Room, fits, is_open, room, start_by_us

__all__ = [
    "AWAITED_JOBS",
    "AWAIT_US",
    "BURST_US",
    "LATE_JOBS",
    "NEAR_JOBS",
    "NEAR_US",
    "POLICY",
    "SESSION_PARTS",
    "SNAPSHOT_JOBS",
    "FairShare",
    "completion_us",
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

AWAIT_US = 600_000_000
"""How long a job waits at most for a place on a better backend while another has a free one."""

AWAITED_JOBS = 32
"""The most jobs of a snapshot that do; further ones take what is free, so that each cycle places jobs."""


class FairShare:
    """The rules in force.

    1. A job can be placed if one of its candidates is registered, answers, is not isolated and has a free place; an
       isolated backend takes jobs of probes. Other
       jobs wait and do not block any job. On a backend with open sessions, jobs without one are placed shortly before
       they run.
    2. Jobs of an open session are next on its backend, before the turn of any tenant, unless the backend owes too much
       run time to others. It owes what jobs of sessions run while others wait; each job of these pays back three
       times its own run time. Several sessions are compared as in 3.
    3. Among the tenants with such a job, the lowest (usage + cost) / share is next; ties: tenant name. Usage is service
       received, with decay, plus the expected run time of outstanding jobs; of several kinds of backends, the largest
       part of one kind counts (`shares`). Cost is the shortest expected run time of the job minus its waiting time, and
       at least half of it: a job runs whole, so that its tenant is ahead by half a job on average.
    4. Inside the tenant, jobs of the class `interactive` are next. Then the project with the lowest usage / weight is;
       in it, jobs that have waited for an hour, then the class, then the priority; then the user with the lowest usage;
       then the oldest job. A job whose user has as many placed jobs as its class allows waits.
    5. It is placed on the first free candidate by its objective (`objectives`): by default the cheapest, then the
       soonest. Its candidates are those that it asked for. While all of these are out of service, and have been for as
       long as its project allows, they are those of its fallback that answer, in their order. Jobs of the classes
       `batch` and `sandbox` are placed shortly before they run. In front of a queue of others, a backend has free
       places while the placed run time is less than that queue. A job with the objective `time`, `fidelity` or
       `balanced` waits for a full backend, for ten minutes at most, if that is the better choice also behind the jobs
       that already wait for it.
       It is placed only where it is expected to end before the next window that is not its own, and in a reservation
       of its holder, before the end of that (`windows`); a job that does not fit does not block shorter ones.
    6. The next decision includes this placement. Repeat from 2 up to the limit of the cycle, or until the next tenant
       may have a job that is not in the snapshot.
    """

    name = "fair-share/7"

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
        if late and _is_near_full(backend, LATE_JOBS):
            return 0
        return max(0, backend.queue_depth - backend.taken)

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

    def group(self, job: Job) -> Hashable:
        """Return tenant, project, user, class, priority, session, candidates, fallback and objective: groups can be
        placed independently."""
        candidates = tuple((it.backend, it.fallback) for it in job.candidates)
        owner = job.tenant, job.project, job.user, job.workload_class, job.priority
        return *owner, job.session, candidates, job.fallback_after_us, job.objective

    def precedence(self, job: Job) -> tuple[int, ...]:
        """The class, then the priority."""
        work = class_of(job.workload_class)
        return 0 if work.first else 1, work.rank, -job.priority

    def order(self, job: Job) -> tuple[int, ...]:
        """Oldest first."""
        return (job.sequence,)

    def shown(self, world: Snapshot, groups: Mapping[Group, tuple[Job, int]]) -> Mapping[Group, int]:
        """Return the same number for each group, at most what one cycle can place.

        If there are more groups than jobs in a snapshot, those come first that are next by the rules 3 and 4. Groups of
        sessions take half of it at most, so that they do not hide that others wait.
        """
        backends = {it.name: it for it in world.backends}
        places: dict[tuple[bool, str], dict[str, int]] = {}

        def open_to(job: Job) -> dict[str, int]:
            kind = _is_late(job), PROBES if job.tenant == PROBES else ""
            if kind not in places:
                places[kind] = self._places(backends, kind[1], late=kind[0])
            return places[kind]

        shares = Shares(world)
        rank = {it.name: Fraction(shares.usage_us(it.name), it.share) for it in world.tenants}
        within = _Limits(world)
        useful = {
            group: _placeable_now(
                self._open(first, backends, world.at_us),
                open_to(first),
                min(count, world.limit, within.left(first)),
                AWAITED_JOBS if first.objective in AWAITING else 0,
            )
            for group, (first, count) in groups.items()
        }

        placeable = [group for group, count in useful.items() if count]
        if len(placeable) > SNAPSHOT_JOBS:
            of_tenant: dict[str, list[Group]] = {}
            for group in placeable:
                of_tenant.setdefault(groups[group][0].tenant, []).append(group)
            placeable = []
            for name in sorted(of_tenant, key=lambda it: (rank[it], it)):
                heads = [Head(first, self.order(first), "", 0) for first in (groups[it][0] for it in of_tenant[name])]
                lines = zip(self.lines(shares, heads), of_tenant[name], strict=True)
                ranked = sorted(lines, key=lambda it: (*it[0].values, it[0].job.sequence))
                placeable += [group for _, group in ranked]
            others = [it for it in placeable if groups[it][0].session is None]
            first = [it for it in placeable if groups[it][0].session is not None]
            most = max(SNAPSHOT_JOBS // 2, SNAPSHOT_JOBS - len(others))
            placeable = [*first[:most], *others][:SNAPSHOT_JOBS]
        each = SNAPSHOT_JOBS // max(1, len(placeable))
        return {group: min(useful[group], each) for group in placeable}

    def _open(self, job: Job, backends: Mapping[str, BackendCapacity], at_us: int) -> Iterator[Candidate]:
        """The candidates where no window excludes the job now."""
        for it in self.usable(job, backends, at_us):
            if (backend := backends.get(it.backend)) is not None and is_open(job, backend, at_us):
                yield it

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
        if job.objective not in AWAITING or chosen.candidate.fallback or at_us - job.accepted_us >= AWAIT_US:
            return None
        late = _is_late(job)
        full = [it for it in targets if it.capacity is not None and takes(it.capacity, job.tenant) and not it.free]
        full = [it for it in full if it.capacity and not self.free(it.capacity, late=late, tenant=job.tenant)]
        full = [it for it in full if it.capacity and fits(job, it.capacity, it.expected_us, at_us)]
        _, value = next(it for it in self.choice(job.objective) if it[0] in AWAITED_FOR)
        best = min(full, key=lambda it: (value(it), it.candidate.backend), default=None)
        return best if best is not None and value(best) < value(chosen) else None  # type: ignore[operator]  # integers

    def cost_us(self, job: Job, expected_us: int, at_us: int) -> int:
        """Return the cost of a job in the comparison of tenants."""
        return max(expected_us // 2, expected_us - max(0, at_us - job.accepted_us))

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, placement by placement."""
        cycle = _Cycle(self, snapshot)
        for _ in range(snapshot.limit):
            if (step := cycle.step()) is None:
                return
            yield step


class _Limits:
    """How many more jobs of their class users may have placed, during one cycle."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._placed = {(it.tenant, it.user, it.workload_class): it.jobs for it in snapshot.placed}

    def left(self, job: Job) -> int:
        """Return how many more jobs like this one may be placed."""
        most = class_of(job.workload_class).per_user
        return _ANY_NUMBER if most is None else max(0, most - self._placed.get(_member(job), 0))

    def add(self, job: Job) -> None:
        """Count a job that is placed."""
        self._placed[_member(job)] = self._placed.get(_member(job), 0) + 1


_ANY_NUMBER = 2**53


def _member(job: Job) -> tuple[str, str, str]:
    return job.tenant, job.user or "", job.workload_class or ""


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


def completion_us(backend: BackendCapacity, expected_us: int) -> int:
    """Return when a new job ends that runs for so long: others are in front, and the slots share the backlog."""
    return max(backend.queue_us, -(-backend.backlog_us // max(1, backend.slots))) + expected_us


def _is_late(job: Job) -> bool:
    """Whether a job is placed shortly before it runs, by its class."""
    return class_of(job.workload_class).late and job.session is None


def _is_near_full(backend: BackendCapacity, jobs: int = NEAR_JOBS) -> bool:
    return backend.taken >= jobs * backend.slots and backend.backlog_us >= NEAR_US * backend.slots


POLICY = FairShare()
"""The policy of the scheduler."""


@dataclass(slots=True)
class _Queue:
    """The jobs of one group that are not placed yet."""

    jobs: deque[Job]
    candidates: tuple[Candidate, ...]
    """Where the first of them may be placed now; the backends are the same for all."""
    hidden: bool
    """Whether the group has more jobs than the snapshot."""
    session: str | None
    late: bool
    """Whether its jobs are placed shortly before they run."""

    @property
    def waits(self) -> bool:
        """Whether it has a job."""
        return bool(self.jobs) or self.hidden


class _Cycle:
    """The state during a cycle: capacities, usage of tenants, and the remaining jobs."""

    def __init__(self, policy: FairShare, snapshot: Snapshot) -> None:
        self._policy = policy
        self._at_us = snapshot.at_us
        self._capacity = {it.name: it for it in snapshot.backends}
        self._with_windows = {it.name for it in snapshot.backends if it.windows}
        self._run_times = {(it.backend, it.size): it.us for it in snapshot.run_times}
        self._tenants = {it.name: it for it in snapshot.tenants}
        self._shares = Shares(snapshot)
        self._awaiting = 0
        """Jobs that wait for a full backend."""
        self._expected: dict[Key, list[tuple[Candidate, int]]] = {}
        self._limits = _Limits(snapshot)
        self._queues: dict[str, list[_Queue]] = {it.name: [] for it in snapshot.tenants}
        for group in snapshot.groups:
            jobs = deque(sorted(group.jobs, key=lambda it: (*policy.order(it), it.sequence, it.job)))
            first = jobs[0]
            queue = _Queue(jobs, self._usable(first), group.waiting > len(jobs), first.session, _is_late(first))
            self._queues[first.tenant].append(queue)
        self._with_sessions = [name for name, queues in self._queues.items() if any(it.session for it in queues)]
        self._binds_late = any(it.late for queues in self._queues.values() for it in queues)
        self._turns = {name: self._turn(name) for name in self._tenants}

    def step(self) -> Step | None:
        """Make the next placement; None if there is none, or the snapshot has too few jobs to decide."""
        while True:
            awaiting = self._awaiting
            if (found := self._step()) is not None or self._awaiting == awaiting:
                return found

    def _step(self) -> Step | None:
        """Place the next job, or note that it waits for a full backend and return None."""
        turns = [turn for turn in self._turns.values() if turn is not None]
        if not turns:
            return None
        first = [turn for name in self._with_sessions if (turn := self._turn(name, first=True)) is not None]
        turn = min(first or turns, key=lambda it: (it.rank, it.tenant.name))
        if turn.job is None:
            return None
        precedes, late = self._precedes(turn.job.session, turn.job.candidates), _is_late(turn.job)
        targets = [self._target(turn.job, *it, first=precedes, late=late) for it in self._run_times_of(turn.job)]
        choice = self._policy.choice(turn.job.objective)
        chosen = min((it for it in targets if it.free), key=lambda it: tuple(rule(it) for _, rule in choice))
        better = self._policy.awaited(turn.job, targets, chosen, self._at_us) if self._awaiting < AWAITED_JOBS else None
        if better is not None:
            self._await(turn.job, better)
            return None
        counted = self._counted(turn.job)
        self._take(turn.tenant, turn.job, chosen, counted)
        known = [it for it in targets if it.capacity is not None and takes(it.capacity, turn.job.tenant)]
        known.sort(key=lambda it: (it.completion_us, -it.candidate.esp_ppm, it.candidate.backend))
        scores = tuple((it.candidate.backend, it.completion_us) for it in known)
        fallback = fell_back(turn.job, self._capacity) if chosen.candidate.fallback else None
        time = room(turn.job, self._capacity[chosen.candidate.backend], self._at_us) or Room(None)
        last_us, where = start_by_us(time, chosen.expected_us), chosen.candidate.backend
        place = Place(turn.job.key, where, chosen.expected_us, scores, counted, fallback, time.reservation, last_us)
        return Step(place, tuple(turns), tuple(targets), turn.job.session if first else None)

    def _counted(self, job: Job) -> str | None:
        """Return the session of a job if a job without one waits for its backend."""
        if job.session is None:
            return None
        others = (it for queues in self._queues.values() for it in queues if it.session is None and it.waits)
        backend = job.candidates[0].backend
        return job.session if any(it.backend == backend for queue in others for it in queue.candidates) else None

    def _take(self, tenant: Tenant, job: Job, chosen: Target, counted: str | None) -> None:
        """Update capacity and usage after a placement, and the affected tenants."""
        backend, took = chosen.candidate.backend, chosen.expected_us
        capacity = self._capacity[backend].with_jobs(1, took)
        self._shares.add(job, backend, took)
        self._limits.add(job)
        next(it for it in self._queues[tenant.name] if it.jobs and it.jobs[0] is job).jobs.popleft()
        every = counted is not None or bool(capacity.windows)
        self._load(capacity.owing(capacity.owed_us + took) if counted else capacity, job, every=every)

    def _await(self, job: Job, better: Target) -> None:
        """Leave a job for a later cycle, and count its run time where it waits."""
        backend = better.candidate.backend
        self._awaiting += 1
        next(it for it in self._queues[job.tenant] if it.jobs and it.jobs[0] is job).jobs.popleft()
        self._load(self._capacity[backend].with_jobs(0, better.expected_us), job, every=backend in self._with_windows)

    def _load(self, capacity: BackendCapacity, job: Job, *, every: bool) -> None:
        """Update the load of a backend, and the turns of all tenants if `every`, or if it has no places any more.

        Before a window, jobs may no longer end in time.
        """
        before, self._capacity[capacity.name] = self._capacity[capacity.name], capacity
        changed = every or self._has_places(before) != self._has_places(capacity)
        for name in self._turns if changed else (job.tenant,):
            self._turns[name] = self._turn(name)

    def _has_places(self, capacity: BackendCapacity) -> tuple[bool, ...]:
        """Whether a backend has places: for any job, for those that bind late, and for those of sessions."""
        free, plain = self._policy.free, self._policy.free(capacity)
        late = free(capacity, late=True) if self._binds_late else plain
        return bool(plain), bool(late), bool(free(capacity, first=True) if capacity.sessions else plain)

    def _turn(self, name: str, *, first: bool = False) -> Turn | None:
        """Return the next job that a tenant can place; of those with the priority of a session, if `first`."""
        queues = [it for it in self._queues[name] if it.waits and self._placeable(it, name, first=first)]
        if not queues:
            return None
        tenant, usage_us = self._tenants[name], self._shares.usage_us(name)
        if not all(it.jobs for it in queues):
            return Turn(tenant, usage_us, 0, None, Fraction(usage_us, tenant.share))
        lines = self._policy.lines(self._shares, [self._head(it.jobs[0]) for it in queues])
        job = min(lines, key=lambda it: (*it.values, it.job.sequence)).job
        expected_us, backend = self._shortest(job)
        cost_us = self._policy.cost_us(job, expected_us, self._at_us)
        rank = Fraction(self._shares.with_cost_us(name, backend, cost_us), tenant.share)
        return Turn(tenant, usage_us, cost_us, job, rank, lines)

    def _head(self, job: Job) -> Head:
        expected_us, backend = self._shortest(job)
        return Head(job, self._policy.order(job), backend, expected_us)

    def _shortest(self, job: Job) -> tuple[int, str]:
        """Return the shortest expected run time of a job, and where."""
        return min((us, it.backend) for it, us in self._run_times_of(job))

    def _run_times_of(self, job: Job) -> Sequence[tuple[Candidate, int]]:
        """Return where a job may be placed, with its expected run times."""
        if (known := self._expected.get(job.key)) is None:
            known = [(it, self._expected_us(job, it)) for it in self._usable(job)]
            self._expected[job.key] = known
        return known

    def _usable(self, job: Job) -> tuple[Candidate, ...]:
        return self._policy.usable(job, self._capacity, self._at_us)

    def _placeable(self, queue: _Queue, tenant: str, *, first: bool) -> bool:
        if queue.jobs and not self._limits.left(queue.jobs[0]):
            return False
        precedes = self._precedes(queue.session, queue.candidates)
        known = (it for candidate in queue.candidates if (it := self._capacity.get(candidate.backend)) is not None)
        free = any(self._policy.free(it, first=precedes, late=queue.late, tenant=tenant) for it in known)
        return precedes >= first and free and self._bring_forward(queue)

    def _bring_forward(self, queue: _Queue) -> bool:
        """Put the first job of a group that ends before the next window in front; False if there is none."""
        if not any(it.backend in self._with_windows for it in queue.candidates):
            return True
        for position, job in enumerate(queue.jobs):
            first = self._precedes(job.session, job.candidates)
            targets = (self._target(job, *it, first=first, late=queue.late) for it in self._run_times_of(job))
            if any(it.free for it in targets):
                del queue.jobs[position]
                queue.jobs.appendleft(job)
                return True
        return False

    def _precedes(self, session: str | None, candidates: Sequence[Candidate]) -> bool:
        """Whether jobs of this session are next on its backend."""
        capacity = self._capacity.get(candidates[0].backend) if session is not None else None
        return capacity is not None and self._policy.precedes(capacity)

    def _target(self, job: Job, candidate: Candidate, expected_us: int, *, first: bool, late: bool) -> Target:
        capacity = self._capacity.get(candidate.backend)
        if capacity is None:
            return Target(candidate, expected_us, None, 0, 0)
        free = self._policy.free(capacity, first=first, late=late, tenant=job.tenant)
        if free and not fits(job, capacity, expected_us, self._at_us):
            free = 0
        return Target(candidate, expected_us, capacity, free, completion_us(capacity, expected_us))

    def _expected_us(self, job: Job, candidate: Candidate) -> int:
        return self._policy.expected_us(candidate.qpu_us, self._run_times.get((candidate.backend, job.size)))
