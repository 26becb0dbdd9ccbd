"""Who is next, and where: weighted fair share over tenants, the cheapest backend and then the soonest.

Everything is decided from a frozen snapshot in integers and fractions, and every tie has a named rule. To change a
rule, edit it here, give `FairShare.name` a new version, and add a test. `registry` says what to do about decisions
that were made by the version before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from queuebit_scheduling.plan import Choice, Group, Place, Step, Target, Turn
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Snapshot, Tenant
from queuebit_scheduling.usage import period_of

__all__ = ["POLICY", "SNAPSHOT_JOBS", "FairShare"]

SNAPSHOT_JOBS = 64
"""The most jobs that a snapshot shows: twice as many as a cycle places."""


class FairShare:
    """The rules in force.

    1. A job can be placed while one of its candidates is registered, answers and has a free place. Others wait and
       block no job.
    2. Of the tenants with such a job, the lowest (usage + cost) / share is next; ties: tenant name. Usage is service
       received, partly forgotten, plus the expected run time of what is outstanding. Cost is the job's least expected
       run time less the time it has waited, so that no job is too large for ever.
    3. The tenant offers the first such job by `order`: the oldest.
    4. The job goes to the first free candidate by `choice`: the cheapest, then the soonest.
    5. It takes its place at once: the next decision sees it. Back to 2, up to the limit of the cycle, or until the
       tenant that is next may have a job that the snapshot does not show.
    """

    name = "fair-share/3"
    choice: Choice = (
        ("cost", lambda it: it.candidate.cost_rank),
        ("completion", lambda it: it.completion_us),
        ("success", lambda it: -it.candidate.esp_ppm),
        ("name", lambda it: it.candidate.backend),
    )

    def free(self, backend: BackendCapacity) -> int:
        """How many more jobs a backend may be given: 0 while it does not answer."""
        return 0 if backend.silent_since_us is not None else max(0, backend.queue_depth - backend.taken)

    def expected_us(self, promised_us: int, learned_us: int | None) -> int:
        """What was learned counts more than what was promised."""
        return learned_us or max(1, promised_us)

    def group(self, job: Job) -> Hashable:
        """Tell apart what can be placed independently of each other: tenants, and sets of candidates."""
        return job.tenant, tuple(it.backend for it in job.candidates)

    def order(self, job: Job) -> tuple[int, ...]:
        """Oldest first."""
        return (job.sequence,)

    def shown(self, world: Snapshot, groups: Mapping[Group, tuple[Job, int]]) -> Mapping[Group, int]:
        """As many of each group as can be placed in one cycle, and all groups alike.

        Where there are more groups than jobs to show, those of the tenants that received least for their share.
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
        """What a tenant has: service received, partly forgotten, and what it is about to receive."""
        return tenant.served.at(period_of(at_us)).us + tenant.outstanding_us

    def cost_us(self, job: Job, expected_us: Iterable[int], at_us: int) -> int:
        """What a job counts when tenants are compared."""
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
"""By which the scheduler decides."""


@dataclass(slots=True)
class _Queue:
    """The jobs of one group that are not placed yet."""

    jobs: deque[Job]
    candidates: tuple[Candidate, ...]
    hidden: bool
    """Whether there are more behind those that the snapshot shows."""


class _Cycle:
    """Backends as they fill up, tenants as their usage grows, and the jobs that are left."""

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
        """Make the next placement; None if there is none, or if it cannot be known."""
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
        """Give the place away; then see whose turn it can be."""
        backend, took = chosen.candidate.backend, chosen.expected_us
        before = self._capacity[backend]
        self._capacity[backend] = replace(before, taken=before.taken + 1, backlog_us=before.backlog_us + took)
        self._usage_us[tenant.name] += took
        next(it for it in self._queues[tenant.name] if it.jobs and it.jobs[0] is job).jobs.popleft()
        full = not self._policy.free(self._capacity[backend])
        for name in self._turns if full else (tenant.name,):
            self._turns[name] = self._turn(name)

    def _turn(self, name: str) -> Turn | None:
        """What a tenant may place now."""
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
        # the slots share the backlog, rounded up; then the job's own run
        completion_us = -(-capacity.backlog_us // capacity.slots) + expected_us
        return Target(candidate, expected_us, capacity, self._policy.free(capacity), completion_us)

    def _expected_us(self, job: Job, candidate: Candidate) -> int:
        return self._policy.expected_us(candidate.qpu_us, self._run_times.get((candidate.backend, job.size)))
