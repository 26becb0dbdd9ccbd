"""The policy of the platform in the laboratory: `plan` of `queuebit_scheduling`, over the same snapshots."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from queuebit_lab.baselines import Assignment, Estimate
from queuebit_lab.machines import Seen
from queuebit_lab.scenario import Scenario, Work
from queuebit_scheduling import (
    HALF_LIFE_S,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Movable,
    PlacedCount,
    Policy,
    Served,
    Snapshot,
    Tenant,
    Window,
    class_of,
    period_for,
    period_of,
    plan,
)
from queuebit_scheduling.preemption import MOVES

__all__ = ["CENTS_PER_SECOND", "Platform", "cents"]

_CYCLE = 32
"""The most placements of a cycle, as in the scheduler."""
_ROWS = 64
"""The most placed jobs in a snapshot, as in the scheduler."""
CENTS_PER_SECOND = 160
"""US cents for each started second, as the row `ibm-payg-2026` of the price book says."""


def cents(run_us: int) -> int:
    """Return what a run costs."""
    return CENTS_PER_SECOND * -(-run_us // 1_000_000)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A placed job that has not ended."""

    work: Work
    job: Job
    machine: int
    run_us: int
    moves: int = 0


class Platform:
    """A version of the policy. Waiting jobs are grouped and shown to it as the scheduler does."""

    every_us = 0

    def __init__(self, policy: Policy, objective: str | None, it: Scenario, estimate: Estimate) -> None:
        self.name = f"ours, {objective or 'cost'}"
        self._objective = objective
        self._places = it.places
        self._windows = [
            tuple(
                Window(slot.starts_us, slot.ends_us, "reservation", slot.tenant, f"r{number}")
                for number, slot in enumerate(it.slots)
                if slot.machine == machine
            )
            for machine in range(len(it.machines))
        ]
        self._policy = policy
        self._period_us = period_for(HALF_LIFE_S)
        self._estimate = estimate
        self._names = [machine.name for machine in it.machines]
        self._index = {name: number for number, name in enumerate(self._names)}
        self._tenants = {stream.tenant: Tenant(stream.tenant, stream.share, Served(), 0) for stream in it.streams}
        self._groups: dict[Hashable, deque[Job]] = {}
        self._work: dict[str, Work] = {}
        self._jobs: dict[str, tuple[Hashable, Job]] = {}
        self._placed: dict[int, _Placed] = {}
        """The placed jobs that have not ended, by number."""
        self._of_class: Counter[tuple[str, str]] = Counter()
        """Placed jobs of each tenant and class; a tenant has one user."""

    def add(self, work: Work) -> None:
        job = self._job(work)
        group = self._policy.group(job)
        self._work[job.job], self._jobs[job.job] = work, (group, job)
        self._groups.setdefault(group, deque()).append(job)

    def place(self, at_us: int, seen: Sequence[Seen]) -> list[Assignment]:
        placed: list[Assignment] = []
        while (snapshot := self._snapshot(at_us, seen)) is not None:
            places = plan(self._policy, snapshot).places
            if not places:
                break
            for it in places:
                machine = self._index[it.backend]
                if it.gave_way is None:
                    work = self._work.pop(it.job[1])
                    one = _Placed(work, self._take(it.job[1]), machine, it.expected_us)
                    self._of_class[work.tenant, work.workload_class or ""] += 1
                else:
                    known = self._placed.pop(int(it.job[1][1:]))
                    seen[known.machine].give(known.run_us)
                    self._tenants[known.work.tenant] = self._tenants[known.work.tenant].with_jobs(-known.run_us)
                    one = _Placed(known.work, known.job, machine, it.expected_us, known.moves + 1)
                seen[machine].take(it.expected_us)
                self._placed[one.work.number] = one
                self._tenants[one.work.tenant] = self._tenants[one.work.tenant].with_jobs(it.expected_us)
                placed.append((one.work, machine))
        return placed

    def ended(self, work: Work, machine: int, ended_us: int) -> None:
        run_us = self._placed.pop(work.number).run_us
        self._of_class[work.tenant, work.workload_class or ""] -= 1
        tenant = self._tenants[work.tenant].with_jobs(-run_us)
        self._tenants[work.tenant] = replace(
            tenant, served=tenant.served.plus(run_us, period_of(ended_us, self._period_us))
        )

    def _job(self, work: Work) -> Job:
        """The job as admission accepts it. `Job` sorts its candidates."""
        estimates = self._estimate(work)
        costs = sorted({cents(run_us) for _, run_us, _ in estimates})
        candidates = tuple(
            Candidate(self._names[machine], run_us, ppm, costs.index(cents(run_us)))
            for machine, run_us, ppm in estimates
        )
        return Job(
            work.tenant,
            f"j{work.number}",
            work.number,
            work.arrived_us,
            f"c{work.circuit}",
            candidates,
            objective=self._objective,
            user=work.tenant,
            workload_class=work.workload_class,
        )

    def _snapshot(self, at_us: int, seen: Sequence[Seen]) -> Snapshot | None:
        if not self._groups:
            return None
        backends = tuple(
            BackendCapacity(
                it.name,
                1,
                self._places,
                it.taken,
                it.own_us,
                None if it.is_open else at_us,
                windows=tuple(window for window in windows if window.end_us > at_us),
                queue_us=it.others_us,
            )
            for it, windows in zip(seen, self._windows, strict=True)
        )
        movable = self._movable(seen)
        if not movable and not any(self._policy.free(it) for it in backends):
            return None
        groups = {group: (jobs[0], len(jobs)) for group, jobs in self._groups.items()}
        tenants = tuple(self._tenants[it] for it in {job.tenant for job, _ in groups.values()})
        placed = tuple(
            PlacedCount(tenant, tenant, it, jobs)
            for (tenant, it), jobs in self._of_class.items()
            if jobs and class_of(it).per_user is not None
        )
        world = Snapshot(
            self._policy.name,
            at_us,
            _CYCLE,
            backends,
            tenants,
            period_us=self._period_us,
            placed=placed,
            movable=movable,
        )
        shown = tuple(
            CandidateGroup(tuple(self._groups[group][it] for it in range(count)), groups[group][1])
            for group, count in self._policy.shown(world, groups).items()
        )
        owners = {it.jobs[0].tenant for it in shown}
        rows = tuple(it for it in movable if it.job.tenant in owners)
        return world.showing(shown, (), movable=rows) if shown else None

    def _movable(self, seen: Sequence[Seen]) -> tuple[Movable, ...]:
        """The placed jobs that have not started and that waiting ones go before, of the least loaded machines first."""
        first = [jobs[0] for jobs in self._groups.values()]
        found = []
        for number, it in self._placed.items():
            waits = it.moves < MOVES and number != seen[it.machine].started
            if waits and any(self._policy.goes_before(job, it.job) for job in first):
                found.append(Movable(it.job, self._names[it.machine], it.run_us, it.moves))
        load = {it.name: it.own_us for it in seen}
        return tuple(sorted(found, key=lambda it: (load[it.backend], it.backend, it.job.sequence))[:_ROWS])

    def _take(self, name: str) -> Job:
        """Take a placed job out of its group: it is the first there, or near it."""
        group, job = self._jobs.pop(name)
        jobs = self._groups[group]
        jobs.remove(job)
        if not jobs:
            del self._groups[group]
        return job
