"""What the fleet service needs of others."""

from __future__ import annotations

from typing import Protocol

from queuebit_contracts.fleet import IsolationAnswer, IsolationRequest

__all__ = ["Scheduler"]


class Scheduler(Protocol):
    """The one process that appends placements, and so what allows or forbids them."""

    async def ask(self, request: IsolationRequest) -> IsolationAnswer:
        """Isolate a backend, or readmit it; asking again for the same is safe.

        Raises:
            Unavailable: it does not answer; it may have done it.
        """
        ...
