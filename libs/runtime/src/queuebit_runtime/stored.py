"""Messages of the log as they are stored, and the events in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nats.aio.msg import Msg

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.topology import LOG
from queuebit_kernel import Malformed

__all__ = ["Message", "Stored", "Unreadable", "event_in", "message_of"]


class Unreadable(Malformed):
    """A subject holds messages, and no event; the guard of a first event has to name `sequence`, the newest."""

    def __init__(self, text: str, sequence: int) -> None:
        super().__init__(text)
        self.sequence = sequence


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as the log holds it."""

    event: AnyEvent
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
    """Read the event of a message; raises `Malformed` where it breaks its contract."""
    try:
        event = decode(message.body)
    except Malformed as error:
        raise Malformed(f"sequence {message.sequence} of {LOG}: {error}") from error
    return Stored(event, message.subject, message.sequence, message.stored_at)


def message_of(reply: Msg) -> Message:
    """A message as a direct get answers with it."""
    headers = reply.headers or {}
    moment = datetime.fromisoformat(headers["Nats-Time-Stamp"])
    return Message(headers["Nats-Subject"], int(headers["Nats-Sequence"]), moment, reply.data)
