"""The port between the client and the bus: few methods, so that tests can implement it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["OnMessage", "Reply", "Transport", "Unsubscribe"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a request."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


OnMessage = Callable[[str, bytes], None]
"""Called with the subject and the body of each message."""

Unsubscribe = Callable[[], Awaitable[None]]
"""Ends a subscription."""


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

    async def follow(self, subject: str, on_message: OnMessage) -> Unsubscribe:
        """Call `on_message` for every message from now on; the server has confirmed the subscription on return."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
