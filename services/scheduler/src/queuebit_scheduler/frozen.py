"""A copy of the scheduler's state as it is stored: one record for all but the jobs, then one for each job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from queuebit_scheduler.jobs import AcceptedJob, Outstanding
from queuebit_scheduling import RunTime, Served, Tenant

__all__ = ["FrozenState"]

_OpenSession = tuple[str, str, str]
_Owner = tuple[str, str | None, str | None]
_Rest = tuple[
    int,
    dict[str, tuple[int, str]],
    set[str],
    dict[str, datetime],
    dict[str, tuple[datetime, int]],
    tuple[Tenant, ...],
    tuple[RunTime, ...],
    tuple[_OpenSession, ...],
    dict[str, int],
    list[tuple[_Owner, str, Served]],
    list[tuple[str, str, int]],
]


@dataclass(frozen=True, slots=True)
class FrozenState:
    """What the log says, and nothing that only this process knows: reserved places, and who is silent."""

    period_us: int
    """After which service received decays by a tenth; the periods of all service are of this length."""
    slots: dict[str, tuple[int, str]]
    """Of each registered backend: slots and kind."""
    answering: set[str]
    interrupted: dict[str, datetime]
    """The backends that are out of service, and since when."""
    isolated: dict[str, tuple[datetime, int]]
    """The backends that are isolated: since when, and the sequence of the fact."""
    tenants: tuple[Tenant, ...]
    """Without reserved service, which follows from the placed jobs."""
    run_times: tuple[RunTime, ...]
    sessions: tuple[_OpenSession, ...]
    """Open sessions with priority: tenant, id and backend."""
    owed: dict[str, int]
    """By backend: run time that ended jobs of sessions received and that others have not made up."""
    served: list[tuple[_Owner, str, Served]]
    """What tenants, projects and users received of each kind of backends."""
    weights: list[tuple[str, str, int]]
    """Tenant, project and weight."""
    waiting: tuple[AcceptedJob, ...]
    placed: tuple[Outstanding, ...]

    def encode(self) -> Iterator[bytes]:
        """The records."""
        backends = self.period_us, self.slots, self.answering, self.interrupted, self.isolated
        shares = self.served, self.weights
        yield _rest().dump_json((*backends, self.tenants, self.run_times, self.sessions, self.owed, *shares))
        jobs: tuple[AcceptedJob | Outstanding, ...] = (*self.waiting, *self.placed)
        yield from map(_job().dump_json, jobs)

    @classmethod
    def decode(cls, records: Iterable[bytes]) -> FrozenState:
        """Read the records.

        Raises:
            ValueError: they are of another form.
        """
        first, *others = records
        jobs = [*map(_job().validate_json, others)]
        waiting = tuple(it for it in jobs if isinstance(it, AcceptedJob))
        return cls(*_rest().validate_json(first), waiting, tuple(it for it in jobs if isinstance(it, Outstanding)))


@cache
def _rest() -> TypeAdapter[_Rest]:
    return TypeAdapter(_Rest)


@cache
def _job() -> TypeAdapter[AcceptedJob | Outstanding]:
    return TypeAdapter(AcceptedJob | Outstanding)
