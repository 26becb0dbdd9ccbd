"""Reads and refusals: who read or tried what, how often, and at which door.

The process that answers counts, and appends one fact for each reader and kind of object, at most one in a minute.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Event, Moment, Name, Wire

__all__ = ["MOST_OBJECTS", "Access", "AccessRead", "AccessRefused", "Refusal"]

MOST_OBJECTS: Final = 32
"""How many different objects a fact names; further ones are only counted."""

_Text = Annotated[str, Field(max_length=160)]


class Access(Wire):
    """Requests of one reader for one kind of object, through one door, since the fact before."""

    tenant: Name
    """Whose objects; `queuebit` if the request names no tenant that is known."""
    process: Name
    """The process that counted: a name that each start makes new."""
    number: int = Field(ge=1)
    """Of this fact among those of the process, of all tenants: a gap means that a fact is missing."""
    door: str = Field(max_length=16)
    """`gateway` or `bus`."""
    kind: str = Field(max_length=32)
    """What was read, such as `result`, `bill`, `invoice` or `receipt`."""
    by: _Text | None = None
    """The user, or the service or operator; absent if nothing that was verified says who."""
    key: _Text | None = None
    """The public key of a reader on the bus."""
    delegation: Name | None = None
    """The delegated key that the requests carried."""
    since: Moment
    """When the first of these requests came."""
    until: Moment
    """When the last one came."""
    count: int = Field(ge=1)
    """How many they were."""
    objects: tuple[_Text, ...] = Field(default=(), max_length=MOST_OBJECTS)
    """Different objects, in the order of their first request."""
    unnamed: int = Field(default=0, ge=0)
    """Requests for objects that are not in `objects`."""


class AccessRead(Event[Access]):
    """Objects were read."""

    type: Literal["qb.access.read.v1"] = "qb.access.read.v1"


class Refusal(Access):
    """Requests that were refused for one reason; `kind` is what the door refuses, such as `request` or `sign_in`."""

    code: str = Field(max_length=64)
    """The reason, for programs."""


class AccessRefused(Event[Refusal]):
    """Requests were refused. What they name is what was sent: nothing of it has been verified but `by`."""

    type: Literal["qb.access.refused.v1"] = "qb.access.refused.v1"
