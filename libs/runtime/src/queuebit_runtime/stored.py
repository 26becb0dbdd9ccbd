"""Stored messages of the log, and their events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from queuebit_contracts.catalog import AnyEvent, Decoded, decode
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.connection import Msg

__all__ = ["Message", "Stored", "Unreadable", "event_in", "known_events", "message_of"]


class Unreadable(Malformed):
    """A subject has messages, but no event; the guard of a first event must expect `sequence`, the newest."""

    def __init__(self, text: str, sequence: int) -> None:
        super().__init__(text)
        self.sequence = sequence


@dataclass(frozen=True, slots=True)
class Stored:
    """An event with its place in the log."""

    event: Decoded
    subject: str
    sequence: int
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message, undecoded."""

    subject: str
    sequence: int
    stored_at: datetime
    body: bytes


def event_in(message: Message) -> Stored:
    """Read the event of a message, known or not; raises `Malformed` if it breaks its contract."""
    try:
        event = decode(message.body, message.subject)
    except Malformed as error:
        raise Malformed(f"sequence {message.sequence} of {LOG}: {error}") from error
    return Stored(event, message.subject, message.sequence, message.stored_at)


def known_events(history: Iterable[Stored]) -> list[AnyEvent]:
    """The events of a history, without unknown types."""
    return [it.event for it in history if not isinstance(it.event, UnknownEvent)]


def message_of(reply: Msg) -> Message:
    """A message from the answer of a direct get."""
    headers = reply.headers or {}
    moment = datetime.fromisoformat(headers["Nats-Time-Stamp"])
    return Message(headers["Nats-Subject"], int(headers["Nats-Sequence"]), moment, reply.data)
