"""Chooses the next job and its backend: weighted fair share over tenants; the cheapest backend, then the soonest.

All decisions use a frozen snapshot with integers and fractions, and every tie has a named rule. To change a rule, edit
it here, give `FairShare.name` a new version, and add a test. `registry` explains how to keep earlier versions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from queuebit_scheduling.plan import Choice, Group, Place, Step, Target, Turn
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Snapshot, Tenant
from queuebit_scheduling.usage import period_of

__all__ = ["POLICY", "SNAPSHOT_JOBS", "FairShare"]

SNAPSHOT_JOBS = 64
"""The most jobs in a snapshot: twice as many as a cycle places."""


class FairShare:
    """The rules in force.

    1. A job can be placed if one of its candidates is registered, answers and has a free place. Other jobs wait and do
       not block any job.
    2. Among the tenants with such a job, the lowest (usage + cost) / share is next; ties: tenant name. Usage is service
       received, with decay, plus the expected run time of outstanding jobs. Cost is the shortest expected run time of
       the job minus its waiting time, so that no job waits forever because of its size.
    3. The tenant's first such job by `order` is placed: the oldest.
    4. It is placed on the first free candidate by `choice`: the cheapest, then the soonest.
    5. The next decision includes this placement. Repeat from 2 up to the limit of the cycle, or until the next tenant
       may have a job that is not in the snapshot.
    """

    name = "fair-share/3"
    choice: Choice = (
        ("cost", lambda it: it.candidate.cost_rank),
        ("completion", lambda it: it.completion_us),
        ("success", lambda it: -it.candidate.esp_ppm),
        ("name", lambda it: it.candidate.backend),
    )

    def free(self, backend: BackendCapacity) -> int:
        """Return how many more jobs can be placed on a backend; 0 while it does not answer."""
        return 0 if backend.silent_since_us is not None else max(0, backend.queue_depth - backend.taken)

    def leaves(self, here: BackendCapacity, others: Iterable[BackendCapacity]) -> bool:
        """Whether it waits at a backend that does not answer, while another of its candidates does."""
        return here.silent_since_us is not None and any(it.slots and it.silent_since_us is None for it in others)

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """Return the learned run time; the estimate of admission if there is none."""
        return learned_us or max(1, promised_us)

    def group(self, job: Job) -> Hashable:
        """Return tenant and candidates: jobs of different groups can be placed independently."""
        return job.tenant, tuple(it.backend for it in job.candidates)

    def order(self, job: Job) -> tuple[int, ...]:
        """Oldest first."""
        return (job.sequence,)

    def shown(self, world: Snapshot, groups: Mapping[Group, tuple[Job, int]]) -> Mapping[Group, int]:
        """Return the same number for each group, at most what one cycle can place.

        If there are more groups than jobs in a snapshot, the tenants with the least service per share come first.
        """
        places = {it.name: count for it in world.backends if (count := self.free(it))}
        rank = {it.name: Fraction(self.usage_us(it, world.at_us), it.share) for it in world.tenants}
        useful = {
            group: _placeable_now(first, places, min(count, world.limit)) for group, (first, count) in groups.items()
        }

        def turn(group: Group) -> tuple[Fraction, str, tuple[int, ...], int]:
            first, _ = groups[group]
            return rank[first.tenant], first.tenant, self.order(first), first.sequence

        placeable = sorted((group for group, count in useful.items() if count), key=turn)[:SNAPSHOT_JOBS]
        each = SNAPSHOT_JOBS // max(1, len(placeable))
        return {group: min(useful[group], each) for group in placeable}

    def usage_us(self, tenant: Tenant, at_us: int) -> int:
        """Return the usage of a tenant: service received, with decay, plus the run time of outstanding jobs."""
        return tenant.served.at(period_of(at_us)).us + tenant.outstanding_us

    def cost_us(self, job: Job, expected_us: Iterable[int], at_us: int) -> int:
        """Return the cost of a job in the comparison of tenants."""
        return max(0, min(expected_us) - max(0, at_us - job.accepted_us))

    def steps(self, snapshot: Snapshot) -> Iterator[Step]:
        """Decide one cycle, placement by placement."""
        cycle = _Cycle(self, snapshot)
        for _ in range(snapshot.limit):
            if (step := cycle.step()) is None:
                return
            yield step


def _placeable_now(first: Job, places: Mapping[str, int], wanted: int) -> int:
    """How many of `wanted` jobs like `first` have a free place; stops counting when all have."""
    found = 0
    for it in first.candidates:
        found += places.get(it.backend, 0)
        if found >= wanted:
            return wanted
    return found


POLICY = FairShare()
"""The policy of the scheduler."""


@dataclass(slots=True)
class _Queue:
    """The jobs of one group that are not placed yet."""

    jobs: deque[Job]
    candidates: tuple[Candidate, ...]
    hidden: bool
    """Whether the group has more jobs than the snapshot."""


class _Cycle:
    """The state during a cycle: capacities, usage of tenants, and the remaining jobs."""

    def __init__(self, policy: FairShare, snapshot: Snapshot) -> None:
        self._policy = policy
        self._at_us = snapshot.at_us
        self._capacity = {it.name: it for it in snapshot.backends}
        self._run_times = {(it.backend, it.size): it.us for it in snapshot.run_times}
        self._tenants = {it.name: it for it in snapshot.tenants}
        self._usage_us = {it.name: policy.usage_us(it, snapshot.at_us) for it in snapshot.tenants}
        self._queues: dict[str, list[_Queue]] = {it.name: [] for it in snapshot.tenants}
        for group in snapshot.groups:
            jobs = deque(sorted(group.jobs, key=lambda it: (*policy.order(it), it.sequence, it.job)))
            queue = _Queue(jobs, jobs[0].candidates, hidden=group.waiting > len(jobs))
            self._queues[jobs[0].tenant].append(queue)
        self._turns = {name: self._turn(name) for name in self._tenants}

    def step(self) -> Step | None:
        """Make the next placement; None if there is none, or the snapshot has too few jobs to decide."""
        turns = [turn for turn in self._turns.values() if turn is not None]
        if not turns:
            return None
        turn = min(turns, key=lambda it: (it.rank, it.tenant.name))
        if turn.job is None:
            return None
        targets, choice = [self._target(turn.job, it) for it in turn.job.candidates], self._policy.choice
        chosen = min((it for it in targets if it.free), key=lambda it: tuple(rule(it) for _, rule in choice))
        self._take(turn.tenant, turn.job, chosen)
        known = [it for it in targets if it.capacity is not None and it.capacity.silent_since_us is None]
        known.sort(key=lambda it: (it.completion_us, -it.candidate.esp_ppm, it.candidate.backend))
        scores = tuple((it.candidate.backend, it.completion_us) for it in known)
        place = Place(turn.job.key, chosen.candidate.backend, chosen.expected_us, scores)
        return Step(place, tuple(turns), tuple(targets))

    def _take(self, tenant: Tenant, job: Job, chosen: Target) -> None:
        """Update capacity and usage after a placement, and the affected tenants."""
        backend, took = chosen.candidate.backend, chosen.expected_us
        self._capacity[backend] = self._capacity[backend].with_jobs(1, took)
        self._usage_us[tenant.name] += took
        next(it for it in self._queues[tenant.name] if it.jobs and it.jobs[0] is job).jobs.popleft()
        full = not self._policy.free(self._capacity[backend])
        for name in self._turns if full else (tenant.name,):
            self._turns[name] = self._turn(name)

    def _turn(self, name: str) -> Turn | None:
        """Return the next job that a tenant can place."""
        queues = [it for it in self._queues[name] if (it.jobs or it.hidden) and self._placeable(it.candidates)]
        if not queues:
            return None
        job, cost_us = None, 0
        if all(it.jobs for it in queues):
            job = min((it.jobs[0] for it in queues), key=lambda it: (*self._policy.order(it), it.sequence))
            expected = (self._expected_us(job, it) for it in job.candidates)
            cost_us = self._policy.cost_us(job, expected, self._at_us)
        usage_us, tenant = self._usage_us[name], self._tenants[name]
        return Turn(tenant, usage_us, cost_us, job, Fraction(usage_us + cost_us, tenant.share))

    def _placeable(self, candidates: Iterable[Candidate]) -> bool:
        known = (self._capacity.get(it.backend) for it in candidates)
        return any(it is not None and self._policy.free(it) for it in known)

    def _target(self, job: Job, candidate: Candidate) -> Target:
        expected_us, capacity = self._expected_us(job, candidate), self._capacity.get(candidate.backend)
        if capacity is None:
            return Target(candidate, expected_us, None, 0, 0)
        # the slots share the backlog, rounded up; then the job runs
        completion_us = -(-capacity.backlog_us // capacity.slots) + expected_us
        return Target(candidate, expected_us, capacity, self._policy.free(capacity), completion_us)

    def _expected_us(self, job: Job, candidate: Candidate) -> int:
        return self._policy.expected_us(candidate.qpu_us, self._run_times.get((candidate.backend, job.size)))
