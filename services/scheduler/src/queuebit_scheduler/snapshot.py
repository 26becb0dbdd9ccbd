"""Everything one decision is made from, frozen, in one JSON form: the same form always gives the same plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queuebit_kernel import Json, digest_of
from queuebit_scheduler.usage import Served

__all__ = ["Backend", "Key", "Option", "Snapshot", "Tenant", "Waiting"]

Key = tuple[str, str]
"""A job: its tenant and its id."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A registered backend and how full it is."""

    name: str
    slots: int
    """Jobs it runs side by side."""
    places: int
    """Jobs that may be given to it before one of them has ended."""
    taken: int
    backlog_us: int
    """Expected run time of the jobs that took a place."""
    silent_since: datetime | None = None
    """Since when it has not answered, if it is taken for gone: it has no free place then."""

    @property
    def free(self) -> int:
        return 0 if self.silent_since else max(0, self.places - self.taken)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant, its weight, and what it received and is about to receive."""

    name: str
    share: int
    served: Served
    outstanding_us: int
    """Expected run time of its jobs that took a place."""


@dataclass(frozen=True, slots=True)
class Option:
    """A backend a job may run on, and what to expect there."""

    backend: str
    expected_us: int
    esp_ppm: int
    cost_rank: int = 0
    """0 for the cheapest of the job's candidates."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job without a place."""

    tenant: str
    job: str
    order: int
    """Sequence of its acceptance in the log: the older, the smaller."""
    accepted_us: int
    options: tuple[Option, ...]
    more: bool = False
    """Whether a younger job just like it was left out of the snapshot: once this one is placed, look again."""

    @property
    def key(self) -> Key:
        return self.tenant, self.job


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows sorted by name, jobs by age.

    Only what can change the decision: backends with a free place, and of jobs of one tenant with the same candidates
    the oldest.
    """

    at_us: int
    limit: int
    """The most placements of one cycle."""
    backends: tuple[Backend, ...]
    tenants: tuple[Tenant, ...]
    waiting: tuple[Waiting, ...]

    @property
    def digest(self) -> str:
        """What a placement cites."""
        return digest_of(self.document())

    def document(self) -> Json:
        """The JSON form, integers and text only."""
        return {
            "at_us": self.at_us,
            "limit": self.limit,
            "backends": {it.name: [it.slots, it.places, it.taken, it.backlog_us] for it in self.backends},
            "tenants": {it.name: [it.share, it.served.us, it.served.period, it.outstanding_us] for it in self.tenants},
            "waiting": [
                {
                    "tenant": it.tenant,
                    "job": it.job,
                    "order": it.order,
                    "accepted_us": it.accepted_us,
                    "options": {o.backend: [o.expected_us, o.esp_ppm, o.cost_rank] for o in it.options},
                    "more": it.more,
                }
                for it in self.waiting
            ],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Snapshot:  # the form of `document`
        """Rebuild a recorded snapshot, to decide again."""
        return cls(
            at_us=document["at_us"],
            limit=document["limit"],
            backends=tuple(Backend(name, *row) for name, row in sorted(document["backends"].items())),
            tenants=tuple(
                Tenant(name, share, Served(us, period), outstanding)
                for name, (share, us, period, outstanding) in sorted(document["tenants"].items())
            ),
            waiting=tuple(
                Waiting(
                    **{name: row[name] for name in ("tenant", "job", "order", "accepted_us", "more")},
                    options=tuple(Option(backend, *figures) for backend, figures in sorted(row["options"].items())),
                )
                for row in document["waiting"]
            ),
        )
