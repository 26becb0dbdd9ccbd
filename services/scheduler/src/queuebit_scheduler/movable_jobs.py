"""Placed jobs that may give way to waiting ones: which of them a snapshot has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduling import Job, Key, Movable, Policy, micros
from queuebit_scheduling.preemption import MOVES, worth_us

__all__ = ["MOST_ROWS", "MovableJobs", "row_of"]

MOST_ROWS = 64
"""The most placed jobs in a snapshot."""


class MovableJobs:
    """An index of the placed jobs whose runs are long enough, by tenant: most platforms have few of them."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._of: dict[str, dict[Key, Outstanding]] = {}
        self._spot: dict[Key, Outstanding] = {}
        """Spot jobs, which give way to jobs of all tenants."""

    def add(self, it: Outstanding, slots: int) -> None:
        """Note a job that got a place on a backend with so many slots.

        Jobs that may share a device keep their places: others wait for them to run together.
        """
        alone = it.session is None and it.accepted.reservation is None and it.accepted.shared_device is None
        if not alone or it.expected_us < worth_us(slots):
            return
        if it.accepted.job.spot:
            self._spot[it.accepted.key] = it
        else:
            self._of.setdefault(it.accepted.job.tenant, {})[it.accepted.key] = it

    def remove(self, key: Key) -> None:
        """Forget a job that has no place any more."""
        self._spot.pop(key, None)
        of_tenant = self._of.get(key[0], {})
        if of_tenant.pop(key, None) is not None and not of_tenant:
            del self._of[key[0]]

    def rows(
        self, waiting: Callable[[str | None], Iterable[Job]], load_us: Callable[[str], int]
    ) -> tuple[Movable, ...]:
        """Return the placed jobs that waiting ones go before; of too many, those of the least loaded backends.

        Args:
            waiting: the first waiting job of each group of a tenant, or of all; without spot jobs.
            load_us: the expected run time of the placed jobs of a backend, for each slot.
        """
        found = [it for tenant in self._of for it in self._behind(tenant, waiting(tenant))]
        if spot := [it for it in self._spot.values() if it.waits]:
            wanted = {candidate.backend for job in waiting(None) for candidate in job.candidates}
            found += [it for it in spot if it.backend in wanted]
        if len(found) > MOST_ROWS:
            found.sort(key=lambda it: (load_us(it.backend), it.backend, it.accepted.job.sequence))
        return tuple(map(row_of, found[:MOST_ROWS]))

    def _behind(self, tenant: str, waiting: Iterable[Job]) -> list[Outstanding]:
        """Return the placed jobs of a tenant that one of these jobs goes before."""
        kinds = {(it.project, it.workload_class, it.priority, _names(it)): it for it in waiting}
        return [
            placed
            for placed in self._of[tenant].values()
            if placed.waits
            and placed.accepted.moves < MOVES
            and any(
                placed.backend in names and self._policy.goes_before(it, placed.accepted.job)
                for (*_, names), it in kinds.items()
            )
        ]


def _names(job: Job) -> frozenset[str]:
    return frozenset(it.backend for it in job.candidates)


def row_of(it: Outstanding, ahead_us: int | None = None) -> Movable:
    """Return the row of a placed job in a snapshot; with the run time before it, if it may be moved."""
    job, deadline = it.accepted.job, it.accepted.deadline
    job = job if deadline is None else replace(job, deadline_us=micros(deadline))
    left = () if ahead_us is None else it.accepted.left
    return Movable(job, it.backend, it.expected_us, it.accepted.moves, ahead_us, left)
