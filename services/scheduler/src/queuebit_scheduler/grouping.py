"""Groups of jobs that one decision gave to the same device, and that may run there at once (ADR 0105).

The policy decides about each job as if it were alone. What comes after changes no place, no order and no share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from queuebit_contracts.job import Group
from queuebit_contracts.sharing import MOST_TOGETHER, may_share
from queuebit_kernel import event_id
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import Key, Place

__all__ = ["SHARED_KIND", "grouped"]

SHARED_KIND = "emulated"
"""The kind of backends that groups are formed for: devices that take one circuit at a time, in our own executors."""


@dataclass(slots=True)
class _Open:
    """A group that takes more jobs."""

    number: int
    jobs: list[AcceptedJob] = field(default_factory=list)

    def takes(self, job: AcceptedJob) -> bool:
        """Whether each of its jobs and this one may share a device."""
        mine = job.job.tenant, job.shared_device
        return len(self.jobs) < MOST_TOGETHER and all(
            may_share((it.job.tenant, it.shared_device), mine) for it in self.jobs
        )


def grouped(
    placed: Iterable[tuple[AcceptedJob, Place]], kind_of: Callable[[str], str], decision: str
) -> dict[Key, Group]:
    """The groups of one decision, by job; jobs that run alone are left out.

    Each job joins the first group that takes it, in the order of the decision, so that the same decision has the same
    groups. A job in a reservation or with the priority of a session runs alone: it pays for the device, or waits for
    nothing.

    Args:
        placed: the jobs with their places, in the order of the decision.
        kind_of: the kind of a backend.
        decision: the digest of its snapshot, of which the names of groups are made. They say nothing of the jobs.
    """
    of_device: dict[tuple[str, int], list[_Open]] = {}
    for job, place in placed:
        alone = job.shared_device is None or place.session is not None or place.reservation is not None
        if alone or kind_of(place.backend) != SHARED_KIND:
            continue
        known = of_device.setdefault((place.backend, job.shots), [])
        group = next((it for it in known if it.takes(job)), None)
        if group is None:
            known.append(group := _Open(len(known)))
        group.jobs.append(job)
    return {
        it.key: Group(id=event_id("group", decision, backend, str(shots), str(group.number)), jobs=len(group.jobs))
        for (backend, shots), known in of_device.items()
        for group in known
        if len(group.jobs) > 1
        for it in group.jobs
    }
