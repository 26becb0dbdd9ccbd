"""The connection that readers and writers of the log need."""

from __future__ import annotations

from typing import Protocol

from nats.aio.client import Client

__all__ = ["Connection"]


class Connection(Protocol):
    """An object with an open client."""

    @property
    def client(self) -> Client: ...
