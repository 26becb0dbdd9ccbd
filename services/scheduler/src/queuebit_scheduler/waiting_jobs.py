"""Waiting jobs, grouped and ordered by the policy."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import Job, Key, Policy

__all__ = ["WaitingJobs"]

_Entry = tuple[tuple[int, ...], int, Key]
"""The policy's order, then age."""


@dataclass(eq=False, slots=True)
class _Group:
    """Jobs of one group, identified by this object: its name is long, and would be hashed again in each cycle."""

    name: Hashable
    entries: list[_Entry]


class WaitingJobs:
    """An index without rules: it asks the policy for group and order once, when a job is added."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._jobs: dict[Key, AcceptedJob] = {}
        self._places: dict[Key, tuple[_Group, _Entry]] = {}
        """Where each job was put."""
        self._groups: dict[Hashable, _Group] = {}
        self._spot: dict[Hashable, _Group] = {}
        """The groups of spot jobs; `_groups` has the others."""
        self._of_tenant: dict[str, dict[_Group, None]] = {}
        """The groups of each tenant, in order of their first job's arrival."""

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, key: Key) -> bool:
        return key in self._jobs

    def __getitem__(self, key: Key) -> AcceptedJob:
        return self._jobs[key]

    def __iter__(self) -> Iterator[AcceptedJob]:
        return iter(self._jobs.values())

    def add(self, accepted: AcceptedJob) -> None:
        """Put a job where it belongs in its group."""
        job = accepted.job
        name, entry = self._policy.group(job), (self._policy.order(job), job.sequence, job.key)
        groups = self._spot if job.spot else self._groups
        if (group := groups.get(name)) is None:
            group = groups[name] = _Group(name, [])
            self._of_tenant.setdefault(job.tenant, {})[group] = None
        self._jobs[job.key], self._places[job.key] = accepted, (group, entry)
        insort(group.entries, entry)

    def pop(self, key: Key) -> AcceptedJob:
        """Take a job out."""
        group, entry = self._places.pop(key)
        del group.entries[bisect_left(group.entries, entry)]
        if not group.entries:
            del (self._spot if self._jobs[key].job.spot else self._groups)[group.name]
            of_tenant = self._of_tenant[key[0]]
            del of_tenant[group]
            if not of_tenant:
                del self._of_tenant[key[0]]
        return self._jobs.pop(key)

    def groups(self, *, spot: bool = False) -> Mapping[_Group, tuple[Job, int]]:
        """Of each group of spot jobs, or of others, the first job, and how many there are."""
        jobs, groups = self._jobs, self._spot if spot else self._groups
        return {it: (jobs[it.entries[0][2]].job, len(it.entries)) for it in groups.values()}

    @property
    def has_spot(self) -> bool:
        """Whether a spot job waits."""
        return bool(self._spot)

    def first(self, group: _Group, count: int) -> Iterator[Job]:
        """The first jobs of a group."""
        return (self._jobs[key].job for _, _, key in islice(group.entries, count))

    def first_of(self, tenant: str | None) -> Iterator[Job]:
        """The first job of each group of a tenant, or of all; without spot jobs."""
        groups = self._groups.values() if tenant is None else self._of_tenant.get(tenant, ())
        found = (self._jobs[it.entries[0][2]].job for it in groups)
        return (it for it in found if not it.spot)

    def of(self, tenant: str) -> list[AcceptedJob]:
        """A tenant's jobs: those with the priority of a session, then the others, in the order of the policy."""
        of_tenant = [it.entries for it in self._of_tenant.get(tenant, ())]
        jobs = ((self._jobs[it[2]].job, it) for entries in of_tenant for it in entries)
        ranked = ((job.session is None, self._policy.precedence(job), it) for job, it in jobs)
        return [self._jobs[key] for _, _, (_, _, key) in sorted(ranked)]
