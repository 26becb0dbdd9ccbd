"""The delivery that is being handled: where its message lies, and whether it came before."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.msg import Msg

from queuebit_runtime.dead_letters import HEADERS

__all__ = ["REPLAY", "Delivered", "current", "delivered", "read"]

REPLAY = "qb.replay."
"""Dead letters come back under this prefix, followed by the name of the duty."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of one message."""

    duty: str
    subject: str
    """Where it was published."""
    sequence: int
    """In the log; a replayed dead letter keeps its place."""
    number: int
    """1 for the first delivery."""
    replayed: bool
    body: bytes
    stored_at: datetime | None = None
    """When the log stored it; unknown for a replayed dead letter."""

    @property
    def again(self) -> bool:
        """Whether an earlier delivery may have done part of the work."""
        return self.replayed or self.number > 1


current: ContextVar[Delivered] = ContextVar("delivered")


def delivered() -> Delivered:
    """The delivery around the caller.

    Raises:
        LookupError: called outside a handler.
    """
    return current.get()


def read(message: Msg) -> Delivered:
    """Read it from a message of a durable, or from a replayed dead letter."""
    if message.subject.startswith(REPLAY):
        told = message.headers or {}
        subject, sequence = told.get(HEADERS["subject"], ""), int(told.get(HEADERS["sequence"], 0))
        return Delivered(message.subject.removeprefix(REPLAY), subject, sequence, 1, True, message.data)
    meta = message.metadata
    return Delivered(
        str(meta.consumer),
        message.subject,
        meta.sequence.stream,
        meta.num_delivered,
        False,
        message.data,
        meta.timestamp.astimezone(UTC),
    )
