"""Every event type by its wire name."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Annotated, Any, Final, Union

from pydantic import Field, TypeAdapter, ValidationError

from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, AccountSettled
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import (
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobStarted,
    JobSubmitted,
)
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_contracts.wire import Event
from queuebit_kernel import Malformed

__all__ = ["EVENTS", "AnyEvent", "decode", "wire_name"]

AnyEvent = Event[Any]  # the class is known only after reading `type`


def wire_name(event: type[AnyEvent]) -> str:
    """The `type` that documents of this class carry."""
    return str(event.model_fields["type"].default)


EVENTS: Final[dict[str, type[AnyEvent]]] = {
    wire_name(event): event
    for event in (
        JobSubmitted,
        JobAccepted,
        JobRejected,
        JobPlaced,
        JobStarted,
        JobCompleted,
        JobFailed,
        JobCancelled,
        JobMetered,
        JobSealed,
        AccountFunded,
        AccountHeld,
        AccountSettled,
        AccountReleased,
        BackendRegistered,
        BackendCalibrated,
        LogCheckpointed,
        CancelJob,
    )
}


# One pass over the bytes: the union is told apart by `type` while it is parsed. Any, since it exists only at run time.
_union: Any = Union[tuple(EVENTS.values())]  # noqa: UP007
_ANY: Final[TypeAdapter[AnyEvent]] = TypeAdapter(Annotated[_union, Field(discriminator="type")])


_MAX_DEPTH = 32
"""Levels of brackets in an event; a reader that follows more than it has a stack for would end."""

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
"""Texts. One without an end takes the rest: otherwise each quote in it would be tried as another beginning."""


def _depth(body: bytes) -> int:
    """The deepest level of brackets outside texts."""
    steps = (1 if it in b"[{" else -1 for it in _STRINGS.sub(b"", body) if it in b"[]{}")
    return max(accumulate(steps), default=0)


def decode(body: bytes) -> AnyEvent:
    """Read an event of any known type.

    Raises:
        Malformed: not JSON, nested too deep, an unknown type, or data that breaks its schema.
    """
    if body.count(b"[") + body.count(b"{") > _MAX_DEPTH and _depth(body) > _MAX_DEPTH:
        raise Malformed(f"not an event of the catalog: it nests more than {_MAX_DEPTH} levels deep")
    try:
        return _ANY.validate_json(body)
    except ValidationError as error:
        raise Malformed(f"not an event of the catalog: {_faults(error):.300}") from error


def _faults(error: ValidationError) -> str:
    """Each field with what is wrong, without the catalog of types that came into question."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, it['loc'][1:]))} {it['msg']}".strip() for it in found[:5])
