"""The port between the client and the bus: few methods, so that tests can implement it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from queuebit.credentials import Credential

__all__ = ["RELAY", "Message", "OnGap", "OnMessage", "Reply", "Transport", "Unsubscribe", "over_nats"]


RELAY = "relay://"
"""How the address of a relay begins: the path of a socket, as inside of a hybrid job."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a request."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A live message."""

    subject: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


OnMessage = Callable[[Message], None]
"""Called with each message."""

OnGap = Callable[[], None]
"""Called when messages may have been lost: the connection is back after an outage, or the server closed it because the
client did not read."""

Unsubscribe = Callable[[], Awaitable[None]]
"""Ends subscriptions."""


class Transport(Protocol):
    """Requests and live messages; storage, history and queries are all requests."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        """Send a request and wait for the answer.

        Raises:
            Refused: this user may not send to the subject.
            Unreachable: no answer in time.
        """
        ...

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        """Call `on_message` for every message from now on; the server has confirmed the subscriptions on return.

        Subjects may be patterns, of which no two match the same message. Messages can be lost: `on_gap` reports it when
        an outage or a slow reader was the cause, which is not always so.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


def over_nats(credential: Credential) -> Transport:
    """A connection for a user, which opens when first used."""
    if credential.url.startswith(RELAY):
        from queuebit.relay_transport import RelayTransport

        return RelayTransport(credential.url.removeprefix(RELAY))
    from queuebit.nats_transport import NatsTransport  # takes long to import

    it = credential
    return NatsTransport(it.url, it.seed, it.inbox, ca_file=it.ca_file, token=it.token)
