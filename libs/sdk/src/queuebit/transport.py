"""The port between the client and the bus: two verbs, so that a test's transport is a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Heard", "Reply", "Stop", "Transport"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a request."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Heard = Callable[[str, bytes], None]
"""Called with the subject and the body of each message."""

Stop = Callable[[], Awaitable[None]]
"""Ends a subscription."""


class Transport(Protocol):
    """Requests and live messages; storage, history and questions are all requests."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        """Ask and wait for the answer.

        Raises:
            Refused: this user may not send to the subject.
            Unreachable: nobody answered in time.
        """
        ...

    async def follow(self, subject: str, heard: Heard) -> Stop:
        """Hear every message from now on; when this returns, the server has taken note."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
