"""Which of several processes of a service leads. These facts belong to the platform, not to a tenant."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from queuebit_contracts.wire import Event, Moment, Name, Wire

__all__ = ["Leader", "LeaderElected"]


class Leader(Wire):
    """The process that leads from now on."""

    service: Name
    term: int = Field(ge=1)
    """One more than that of the leader before. What an earlier leader still appends has a smaller number."""
    process: str = Field(max_length=200)
    """Its name among the processes of the service."""
    vacant_since: Moment | None = None
    """When the leader before was last seen to lead, or left: from then until this fact, none led. Absent if that is not
    known."""


class LeaderElected(Event[Leader]):
    """A process begins to lead. Guarded by the fact before it, so that each term has one leader."""

    type: Literal["qb.leader.elected.v1"] = "qb.leader.elected.v1"
