"""Classes of work: their order inside a project, when they are placed, and how many jobs of a user may be placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from queuebit_scheduling.snapshot import Job, Snapshot

__all__ = ["CLASSES", "DEFAULT", "ClassLimits", "WorkClass", "class_of", "is_late"]


@dataclass(frozen=True, slots=True)
class WorkClass:
    """The rules of one class."""

    rank: int
    """Its place in a project; the lowest is first."""
    first: bool = False
    """Whether its jobs are next in their tenant, before the turn of any project."""
    late: bool = False
    """Whether its jobs are placed shortly before they run, so that jobs of other classes do not wait behind them."""
    per_user: int | None = None
    """The most placed jobs of one user; None: any number."""


DEFAULT = WorkClass(2)
"""The rules of a job without a class, and of a class that this version does not know."""

CLASSES: Mapping[str, WorkClass] = MappingProxyType(
    {
        "interactive": WorkClass(0, first=True, per_user=4),
        "production": WorkClass(1),
        "experimental": DEFAULT,
        "batch": WorkClass(3, late=True),
        "sandbox": WorkClass(4, late=True, per_user=2),
    }
)
"""By name."""


def class_of(name: str | None) -> WorkClass:
    """Return the rules of a class."""
    return CLASSES.get(name or "", DEFAULT)


def is_late(job: Job) -> bool:
    """Whether a job is placed shortly before it runs: by its class, and each spot job."""
    return (class_of(job.workload_class).late or job.spot) and job.session is None


class ClassLimits:
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
