"""Waiting jobs, grouped and ordered by the policy."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Mapping
from itertools import islice

from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import Job, Key, Policy

__all__ = ["WaitingJobs"]

_Entry = tuple[tuple[int, ...], int, Key]
"""The policy's order, then age."""


class WaitingJobs:
    """An index without rules: it asks the policy for group and order once, when a job is added."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._jobs: dict[Key, AcceptedJob] = {}
        self._places: dict[Key, tuple[int, _Entry]] = {}
        """Where each job was put."""
        self._numbers: dict[Hashable, int] = {}
        """Of each group: what the policy calls one is long, and would be hashed again in each cycle."""
        self._names: dict[int, Hashable] = {}
        self._newest = 0
        self._groups: dict[int, list[_Entry]] = {}

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
        group, entry = self._number(self._policy.group(job)), (self._policy.order(job), job.sequence, job.key)
        self._jobs[job.key], self._places[job.key] = accepted, (group, entry)
        insort(self._groups.setdefault(group, []), entry)

    def pop(self, key: Key) -> AcceptedJob:
        """Take a job out."""
        group, entry = self._places.pop(key)
        entries = self._groups[group]
        del entries[bisect_left(entries, entry)]
        if not entries:
            del self._groups[group], self._numbers[self._names.pop(group)]
        return self._jobs.pop(key)

    def _number(self, group: Hashable) -> int:
        if (number := self._numbers.get(group)) is None:
            self._newest = number = self._newest + 1
            self._numbers[group], self._names[number] = number, group
        return number

    def groups(self) -> Mapping[int, tuple[Job, int]]:
        """Of each group, by number, the first job, and how many there are."""
        return {group: (self._jobs[entries[0][2]].job, len(entries)) for group, entries in self._groups.items()}

    def first(self, group: int, count: int) -> Iterator[Job]:
        """The first jobs of a group."""
        return (self._jobs[key].job for _, _, key in islice(self._groups[group], count))

    def of(self, tenant: str) -> list[AcceptedJob]:
        """A tenant's jobs: those with the priority of a session, then the others, in the order of the policy."""
        of_tenant = [entries for entries in self._groups.values() if entries[0][2][0] == tenant]
        jobs = ((self._jobs[it[2]].job, it) for entries in of_tenant for it in entries)
        ranked = ((job.session is None, self._policy.precedence(job), it) for job, it in jobs)
        return [self._jobs[key] for _, _, (_, _, key) in sorted(ranked)]
