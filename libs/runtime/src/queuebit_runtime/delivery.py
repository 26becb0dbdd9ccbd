"""Deliveries: subject, sequence and attempt of a message, and the one that is handled now."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

from queuebit_contracts.subjects import REPLAY
from queuebit_runtime.connection import Msg
from queuebit_runtime.dead_letters import HEADERS
from queuebit_runtime.guards import stored_first

__all__ = ["Delivered", "Origin", "current", "delivered", "origin_of", "read", "stored_ns"]


class Delivered(NamedTuple):
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
    pending: int = 0
    """Messages that the consumer had not delivered yet."""

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


class Origin(NamedTuple):
    """Where a message comes from, as its reply subject says."""

    consumer: str
    number: int
    """1 for the first delivery of the message."""
    sequence: int
    """In the stream."""
    place: int
    """In what the consumer delivered: consecutive, unless something was lost."""
    stored_at: datetime
    pending: int
    """Messages that the consumer has not delivered yet."""


def origin_of(message: Msg) -> Origin:
    """Read it from a message of a consumer."""
    match message.reply.split("."):
        case ["$JS", "ACK", _, consumer, number, sequence, place, stored_at, pending]:
            moment = datetime.fromtimestamp(
                int(stored_at) / 1_000_000_000.0, UTC
            )  # as nats-py: rows have these moments
            return Origin(consumer, int(number), int(sequence), int(place), moment, int(pending))
        case _:  # servers with domains write more
            it = message.metadata
            moment, at = it.timestamp.astimezone(UTC), it.sequence
            return Origin(str(it.consumer), it.num_delivered, at.stream, at.consumer, moment, it.num_pending)


def stored_ns(message: Msg) -> int:
    """When the log stored a message of a consumer, exactly: nanoseconds since 1970.

    Raises:
        ValueError: no consumer delivered it.
    """
    parts = message.reply.split(".")
    if parts[:2] != ["$JS", "ACK"] or len(parts) < 9:
        raise ValueError(f"{message.reply!r} is no reply subject of a consumer")
    return int(parts[7] if len(parts) == 9 else parts[9])  # servers with domains write two more before it


def read(message: Msg) -> Delivered:
    """Read it from a message of a consumer, or from a replayed dead letter."""
    if message.subject.startswith(REPLAY):
        origin = message.headers or {}
        subject, sequence = origin.get(HEADERS["subject"], ""), int(origin.get(HEADERS["sequence"], 0))
        return Delivered(message.subject.removeprefix(REPLAY), subject, sequence, 1, True, message.data)
    it = origin_of(message)
    parts = it.consumer, message.subject, it.sequence, it.number, False, message.data
    return Delivered(*parts, it.stored_at, message.headers, it.pending)
