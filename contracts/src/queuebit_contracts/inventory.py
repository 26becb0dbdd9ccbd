"""The workload inventory: each project with what it says of itself, and what the log says of its jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, get_args

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.job import JobCompleted, JobCorrected, JobMetered, JobSubmitted
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wildcards import every
from queuebit_kernel import Money

__all__ = ["ASKED", "TENANT_TYPES", "Inventory", "Workload", "rows_of", "subjects"]

ASKED: Final = ("owner", "purpose", "impact", "risk_class")
"""What each project should say."""

_WORK: Final[tuple[type[AnyEvent], ...]] = (JobSubmitted, JobCompleted, JobMetered, JobCorrected)


TENANT_TYPES: Final = tuple(str(it.model_fields["type"].default) for it in get_args(TenantEvent))
"""Types of the events that say which projects are in force."""


def subjects(tenant: str | None = None) -> list[str]:
    """The subjects to read: of one tenant, or of all."""
    known = {} if tenant is None else {"tenant": tenant}
    return [every(it, **known) for it in (*get_args(TenantEvent), *_WORK)]


@dataclass(slots=True)
class Workload:
    """What the jobs of one project amount to."""

    jobs: int = 0
    last_run: datetime | None = None
    """When the newest result was published."""
    backends: set[str] = field(default_factory=set)
    data_sets: set[str] = field(default_factory=set)
    cost: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""


class Inventory:
    """Folds the events of `subjects` in the order of the log."""

    def __init__(self) -> None:
        self._directory = Directory()
        self._work: dict[tuple[str, str], Workload] = {}
        self._project: dict[tuple[str, str], str] = {}
        """By tenant and job."""
        self._charged: dict[tuple[str, str], tuple[str, Decimal]] = {}
        """By tenant and job: the newest bill."""

    def take(self, event: AnyEvent) -> None:
        """Fold one event."""
        if isinstance(event, get_args(TenantEvent)):
            self._directory.take(event)
        elif isinstance(event, JobSubmitted):
            asked = event.data
            if self._project.setdefault((asked.tenant, asked.job), asked.project) == asked.project:
                names = (f"{it.name}@{it.version}" for it in asked.inputs or ())
                self._of(asked.tenant, asked.project).data_sets.update(names)
        elif isinstance(event, JobCompleted | JobMetered | JobCorrected):
            self._ended(event)

    def _ended(self, event: JobCompleted | JobMetered | JobCorrected) -> None:
        key = event.data.tenant, event.data.job
        if (project := self._project.get(key)) is None:
            return
        work = self._of(key[0], project)
        if isinstance(event, JobCompleted):
            work.jobs += 1
            work.last_run = event.time if work.last_run is None else max(work.last_run, event.time)
            work.backends.add(event.data.backend)
            return
        before, charge = self._charged.get(key), event.data.charge
        if before is not None:
            work.cost[before[0]] -= before[1]
        self._charged[key] = charge.currency, Decimal(charge.amount)
        work.cost[charge.currency] = work.cost.get(charge.currency, Decimal(0)) + Decimal(charge.amount)

    def _of(self, tenant: str, project: str) -> Workload:
        return self._work.setdefault((tenant, project), Workload())

    def rows(self) -> Iterator[dict[str, Any]]:  # plain JSON
        """One row for each project in force."""
        return rows_of(self._directory, self._work)


def rows_of(directory: Directory, work: Mapping[tuple[str, str], Workload]) -> Iterator[dict[str, Any]]:  # plain JSON
    """One row for each project in force, by tenant and name; what a project does not say is in `missing`.

    Args:
        directory: the tenants.
        work: by tenant and project, what its jobs amount to.
    """
    for tenant, entry in sorted(directory.tenant.items()):
        for name, project in sorted(entry.project.items()):
            yield _row(tenant, entry, name, project, work.get((tenant, name), Workload()))


def _row(tenant: str, entry: Tenant, name: str, project: Project, work: Workload) -> dict[str, Any]:
    said = {it: getattr(project, it) for it in ASKED}
    return {
        "tenant": tenant,
        "project": name,
        **said,
        "missing": [it for it, value in said.items() if not value],
        "jobs": work.jobs,
        "last_run": None if work.last_run is None else work.last_run.isoformat(timespec="seconds"),
        "cost": [f"{Money(amount).text()} {currency}" for currency, amount in sorted(work.cost.items())],
        "backends": sorted(work.backends),
        "data_sets": sorted(work.data_sets),
        "regions": _both(entry.regions, project.regions),
        "vendors": _both(entry.vendors, project.vendors),
    }


def _both(of_tenant: tuple[str, ...], of_project: tuple[str, ...]) -> list[str]:
    """What both allow; empty: everything."""
    if not of_tenant or not of_project:
        return [*(of_tenant or of_project)]
    return [it for it in of_project if it in of_tenant]
