"""Every event type by its wire name."""

from __future__ import annotations

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
from queuebit_contracts.proof import LogCheckpointed
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


def decode(body: bytes) -> AnyEvent:
    """Read an event of any known type.

    Raises:
        Malformed: not JSON, an unknown type, or data that breaks its schema.
    """
    try:
        return _ANY.validate_json(body)
    except ValidationError as error:
        raise Malformed(f"not an event of the catalog: {error!s:.300}") from error
