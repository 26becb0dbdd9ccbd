"""The one door to nats-py: its client, its messages and its errors, under the names that the runtime uses.

Services consume through FastStream. What FastStream has no word for needs the client itself: guarded and batched
appends, direct gets, ordered views, requests with several replies. The modules of the runtime that do these take
everything from here; nothing else in the platform's services imports nats-py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as JetStreamError

__all__ = [
    "APIError",
    "Client",
    "Connected",
    "Connection",
    "JetStreamError",
    "Msg",
    "NatsError",
    "NotFoundError",
]


class Connection(Protocol):
    """An object with an open client."""

    @property
    def client(self) -> Client: ...


@dataclass(frozen=True, slots=True)
class Connected:
    """A client that is open, as a connection."""

    client: Client
