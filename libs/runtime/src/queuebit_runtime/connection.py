"""What reading and writing history needs of a connection, whoever opened it."""

from __future__ import annotations

from typing import Protocol

from nats.aio.client import Client

__all__ = ["Connection"]


class Connection(Protocol):
    """Anything that holds an open client."""

    @property
    def client(self) -> Client: ...
