"""The current delivery: subject, sequence and attempt of the message."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime

from queuebit_contracts.subjects import REPLAY
from queuebit_runtime.connection import Msg
from queuebit_runtime.dead_letters import HEADERS
from queuebit_runtime.guards import stored_first

__all__ = ["Delivered", "current", "delivered", "read"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of one message."""

    consumer: str
    subject: str
    """The subject of the message."""
    sequence: int
    """Its sequence in the log; a replayed dead letter keeps it."""
    number: int
    """1 for the first delivery."""
    replayed: bool
    body: bytes
    stored_at: datetime | None = None
    """When the log stored it; None for a replayed dead letter."""
    headers: Mapping[str, str] | None = None
    """With which the log stored it; None for a replayed dead letter."""

    @property
    def again(self) -> bool:
        """Whether an earlier delivery may have done part of the work."""
        return self.replayed or self.number > 1

    @property
    def first(self) -> bool:
        """Whether the log is known to have stored it as the first message of its job; False says nothing."""
        return stored_first(self.subject, self.headers)


current: ContextVar[Delivered] = ContextVar("delivered")


def delivered() -> Delivered:
    """The delivery that the caller handles.

    Raises:
        LookupError: called outside a handler.
    """
    return current.get()


def read(message: Msg) -> Delivered:
    """Read it from a message of a consumer, or from a replayed dead letter."""
    if message.subject.startswith(REPLAY):
        origin = message.headers or {}
        subject, sequence = origin.get(HEADERS["subject"], ""), int(origin.get(HEADERS["sequence"], 0))
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
        message.headers,
    )
