"""Decides one cycle by the rules of a policy, placement after placement."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING

from queuebit_scheduling.classes import ClassLimits, is_late
from queuebit_scheduling.fallback import fell_back
from queuebit_scheduling.isolation import takes
from queuebit_scheduling.moves import ends_us
from queuebit_scheduling.objectives import AWAITED_JOBS
from queuebit_scheduling.plan import GaveWay, Moved, Place, Step, Target, Turn, best
from queuebit_scheduling.preemption import gained_us, has_room
from queuebit_scheduling.shares import Head, Shares
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Key, Movable, Snapshot, Tenant
from queuebit_scheduling.windows import Room, fits, room, start_by_us

if TYPE_CHECKING:
    from queuebit_scheduling.policy import FairShare

__all__ = ["CycleState", "completion_us"]


def completion_us(backend: BackendCapacity, expected_us: int) -> int:
    """Return when a new job ends that runs for so long: others are in front, and the slots share the backlog."""
    return max(backend.queue_us, -(-backend.backlog_us // max(1, backend.slots))) + expected_us


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


class CycleState:
    """The state during a cycle: capacities, usage of tenants, and the remaining jobs."""

    def __init__(self, policy: FairShare, snapshot: Snapshot) -> None:
        self._policy = policy
        self._at_us, self._aged_us = snapshot.at_us, snapshot.aged_us
        self._capacity = {it.name: it for it in snapshot.backends}
        self._with_windows = {it.name for it in snapshot.backends if it.windows}
        self._run_times = {(it.backend, it.size): it.us for it in snapshot.run_times}
        self._tenants = {it.name: it for it in snapshot.tenants}
        self._shares = Shares(snapshot)
        self._awaiting = 0
        """Jobs that wait for a full backend."""
        self._expected: dict[Key, list[tuple[Candidate, int]]] = {}
        self._heads: dict[Key, Head] = {}
        self._common = lcm(*{it.share for it in snapshot.tenants})
        self._places: dict[str, dict[tuple[bool, bool, str], int]] = {it.name: {} for it in snapshot.backends}
        """What the policy said of each backend with its present load."""
        self._limits = ClassLimits(snapshot)
        self._movable: dict[str, list[Movable]] = {}
        """Placed jobs that may give way and stay where they wait, by backend."""
        self._lines: dict[str, dict[Key, Movable]] = {}
        """Placed jobs that may be moved, by backend."""
        for it in snapshot.movable:
            if any(candidate.backend == it.backend for candidate in self._usable(it.job)):
                self._movable.setdefault(it.backend, []).append(it)
            if it.ahead_us is not None:
                self._lines.setdefault(it.backend, {})[it.job.key] = it
        every = any(it.job.spot for it in snapshot.movable)
        own = {it.job.tenant for it in snapshot.movable}
        self._preempting = {it for it in self._tenants if every or it in own}
        """The tenants to whose jobs others may give way."""
        self._queues: dict[str, list[_Queue]] = {it.name: [] for it in snapshot.tenants}
        for group in snapshot.groups:
            jobs = deque(sorted(group.jobs, key=lambda it: (*policy.order(it), it.sequence, it.job)))
            first = jobs[0]
            queue = _Queue(jobs, self._usable(first), group.waiting > len(jobs), first.session, is_late(first))
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
        turn = min(first or turns, key=self._rank)
        if turn.job is None:
            return None
        precedes, late = self._precedes(turn.job.session, turn.job.candidates), is_late(turn.job)
        targets = [self._target(turn.job, *it, first=precedes, late=late) for it in self._run_times_of(turn.job)]
        free = [it for it in targets if it.free] or [it for it in targets if self._makes_room(turn.job, it)]
        chosen = best(self._policy.choice(turn.job.objective), free)
        better = self._policy.awaited(turn.job, targets, chosen, self._at_us) if self._awaiting < AWAITED_JOBS else None
        if better is not None:
            self._await(turn.job, better)
            return None
        counted = self._counted(turn.job)
        moved = self._movers(turn.job, chosen)
        gained = gained_us(chosen.capacity, moved) if chosen.capacity is not None and moved else 0
        if moved:
            chosen, targets = self._lift(moved, chosen, targets)
        self._take(turn.tenant, turn.job, chosen, counted)
        place = self._place(turn.job, chosen, targets, counted)
        again = tuple(self._move(it, turn.job, gained) for it in moved)
        if again:
            self._turns = {name: self._turn(name) for name in self._turns}
        return Step(place, tuple(turns), tuple(targets), turn.job.session if first else None, again)

    def moves(self) -> Iterator[Step]:
        """Move placed jobs to backends that are better for them now, oldest first; none while a waiting job is next."""
        if any(turn is not None for turn in self._turns.values()):
            return
        for it in self._in_line():
            placed, targets, chosen = self._compared(it)
            if chosen is not None:
                yield self._improve(placed, targets, chosen)

    def improvable(self) -> tuple[Movable, ...]:
        """Return the placed jobs that would be moved if no job waited."""
        return tuple(it for it in self._in_line() if self._compared(it)[2] is not None)

    def _in_line(self) -> list[Movable]:
        return sorted((it for line in self._lines.values() for it in line.values()), key=lambda it: it.job.sequence)

    def _compared(self, placed: Movable) -> tuple[Movable, list[Target], Target | None]:
        """Return a placed job as it is now, its targets, and which of them is better than where it waits."""
        placed, job, late = self._lines[placed.backend][placed.job.key], placed.job, is_late(placed.job)
        found = {it.backend: us for it, us in self._run_times_of(job)}
        targets = []
        for candidate in job.candidates:
            us = self._expected_us(job, candidate)
            if candidate.backend == placed.backend:
                capacity = self._capacity.get(candidate.backend)
                ends = 0 if capacity is None else ends_us(placed, capacity, us, self._at_us)
                targets.append(Target(candidate, us, capacity, 1, ends))
            elif candidate.backend in found:
                targets.append(self._target(job, candidate, us, first=False, late=late))
        return placed, targets, self._policy.better(placed, targets, self._at_us)

    def _improve(self, placed: Movable, targets: Sequence[Target], chosen: Target) -> Step:
        """Move a placed job: it is the last one on its new backend, and those behind it go forward on the former."""
        here, there, job = placed.backend, chosen.candidate.backend, placed.job
        self._leave_line([placed])
        for name, count, us in ((here, -1, -placed.expected_us), (there, 1, chosen.expected_us)):
            self._capacity[name], self._places[name] = self._capacity[name].with_jobs(count, us), {}
        ended_us = next(it.completion_us for it in targets if it.candidate.backend == here)
        why = Moved(here, ended_us - chosen.completion_us)
        return Step(self._place(job, chosen, targets, None, moved=why), (), tuple(targets))

    def _leave_line(self, placed: Sequence[Movable]) -> None:
        """Take jobs out of the line of their backend: those behind them start sooner."""
        for it in placed:
            line = self._lines.get(it.backend, {})
            if (known := line.pop(it.job.key, it)).ahead_us is None:
                continue
            for key, other in line.items():
                if other.ahead_us is not None and other.ahead_us > known.ahead_us:
                    line[key] = replace(other, ahead_us=max(known.ahead_us, other.ahead_us - it.expected_us))

    def _place(
        self,
        job: Job,
        chosen: Target,
        targets: Sequence[Target],
        counted: str | None,
        gave_way: GaveWay | None = None,
        moved: Moved | None = None,
    ) -> Place:
        known = [it for it in targets if it.capacity is not None and takes(it.capacity, job.tenant)]
        known.sort(key=lambda it: (it.completion_us, -it.candidate.esp_ppm, it.candidate.backend))
        scores = tuple((it.candidate.backend, it.completion_us) for it in known)
        fallback = fell_back(job, self._capacity) if chosen.candidate.fallback else None
        time = room(job, self._capacity[chosen.candidate.backend], self._at_us) or Room(None)
        last_us, where = start_by_us(time, chosen.expected_us), chosen.candidate.backend
        about = counted, fallback, time.reservation, last_us, gave_way, moved
        return Place(job.key, where, chosen.expected_us, scores, *about)

    def _movers(self, job: Job, target: Target) -> Sequence[Movable]:
        """Return the placed jobs that give way to a job on a candidate."""
        placed = self._movable.get(target.candidate.backend) if self._movable else None
        if not placed or target.capacity is None:
            return ()
        return self._policy.movers(job, target.capacity, target.expected_us, placed, self._at_us, self._aged_us)

    def _makes_room(self, job: Job, target: Target) -> bool:
        """Whether a full candidate takes a job because others give way to it: one more than its places for each slot,
        and only if it had a place without those others."""
        moved, capacity = self._movers(job, target), target.capacity
        if not moved or capacity is None or not has_room(job, capacity, target.expected_us, self._at_us):
            return False
        without = capacity.with_jobs(-len(moved), -sum(it.expected_us for it in moved))
        return self._policy.free(without, tenant=job.tenant) > 0

    def _lift(self, moved: Sequence[Movable], chosen: Target, targets: Sequence[Target]) -> tuple[Target, list[Target]]:
        """Take jobs that give way from their backend; return the targets of the other job as they are without them."""
        backend = chosen.candidate.backend
        capacity = self._capacity[backend].with_jobs(-len(moved), -sum(it.expected_us for it in moved))
        self._capacity[backend], self._places[backend] = capacity, {}
        self._movable[backend] = [it for it in self._movable[backend] if it not in moved]
        self._leave_line(moved)
        lighter = chosen._replace(capacity=capacity, completion_us=completion_us(capacity, chosen.expected_us))
        return lighter, [lighter if it is chosen else it for it in targets]

    def _move(self, placed: Movable, before: Job, gained: int) -> Step:
        """Place a job again: where it waits, or on a better free candidate that completes it no later."""
        job, late, here = placed.job, is_late(placed.job), placed.backend
        found = (self._target(job, *it, first=False, late=late) for it in self._run_times_of(job))
        targets = [it._replace(free=max(1, it.free)) if it.candidate.backend == here else it for it in found]
        latest_us = next(it.completion_us for it in targets if it.candidate.backend == here)
        free = [it for it in targets if it.free and it.completion_us <= latest_us]
        chosen = best(self._policy.choice(job.objective), free)
        self._shares.add(job, here, -placed.expected_us)
        self._shares.add(job, chosen.candidate.backend, chosen.expected_us)
        capacity = self._capacity[chosen.candidate.backend].with_jobs(1, chosen.expected_us)
        self._load(capacity, before, every=bool(capacity.windows))
        why = GaveWay(before.key, self._policy.goes_before(before, job) or "", gained)
        return Step(self._place(job, chosen, targets, None, why), (), tuple(targets))

    def _rank(self, turn: Turn) -> tuple[int, str]:
        """The rank of a turn as a whole number, which compares quickly, then the name of the tenant."""
        return turn.rank.numerator * (self._common // turn.rank.denominator), turn.tenant.name

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
        had = self._has_places(self._capacity[capacity.name])
        self._capacity[capacity.name], self._places[capacity.name] = capacity, {}
        changed = every or had != self._has_places(capacity)
        for name in self._turns if changed else {job.tenant, *self._preempting}:
            self._turns[name] = self._turn(name)

    def _has_places(self, capacity: BackendCapacity) -> tuple[bool, ...]:
        """Whether a backend has places: for any job, for those that bind late, and for those of sessions."""
        free, plain = self._free, self._free(capacity)
        late = free(capacity, late=True) if self._binds_late else plain
        return bool(plain), bool(late), bool(free(capacity, first=True) if capacity.sessions else plain)

    def _free(self, capacity: BackendCapacity, *, first: bool = False, late: bool = False, tenant: str = "") -> int:
        """How many more jobs a backend takes; tenants differ only while it is isolated."""
        key = first, late, tenant if capacity.isolated_since_us is not None else ""
        known = self._places[capacity.name]
        if (free := known.get(key)) is None:
            known[key] = free = self._policy.free(capacity, first=first, late=late, tenant=key[2])
        return free

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
        head = self._head(job)
        cost_us = self._policy.cost_us(job, head.run_us, self._at_us)
        rank = Fraction(self._shares.with_cost_us(name, head.backend, cost_us), tenant.share)
        return Turn(tenant, usage_us, cost_us, job, rank, lines)

    def _head(self, job: Job) -> Head:
        """The job with its shortest expected run time, which stays the same during the cycle."""
        if (known := self._heads.get(job.key)) is None:
            expected_us, backend = min((us, it.backend) for it, us in self._run_times_of(job))
            known = self._heads[job.key] = Head(job, self._policy.order(job), backend, expected_us)
        return known

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
        free = any(self._free(it, first=precedes, late=queue.late, tenant=tenant) for it in known)
        free = free or (bool(self._movable and queue.jobs) and self._takes_by_moving(queue.jobs[0]))
        return precedes >= first and free and self._bring_forward(queue)

    def _takes_by_moving(self, job: Job) -> bool:
        """Whether a full backend takes a job because others give way to it."""
        targets = (self._target(job, *it, first=False, late=False) for it in self._run_times_of(job))
        return any(self._makes_room(job, it) for it in targets)

    def _bring_forward(self, queue: _Queue) -> bool:
        """Put the first job of a group that ends before the next window in front; False if there is none."""
        if not any(it.backend in self._with_windows for it in queue.candidates):
            return True
        for position, job in enumerate(queue.jobs):
            first = self._precedes(job.session, job.candidates)
            targets = (self._target(job, *it, first=first, late=queue.late) for it in self._run_times_of(job))
            if any(it.free or self._makes_room(job, it) for it in targets):
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
        free = self._free(capacity, first=first, late=late, tenant=job.tenant)
        if free and not fits(job, capacity, expected_us, self._at_us):
            free = 0
        return Target(candidate, expected_us, capacity, free, completion_us(capacity, expected_us))

    def _expected_us(self, job: Job, candidate: Candidate) -> int:
        return self._policy.expected_us(candidate.qpu_us, self._run_times.get((candidate.backend, job.size)))
