"""What the fleet service needs of others."""

from __future__ import annotations

from typing import Protocol

from queuebit_contracts.calendar import WindowsAnswer, WindowsRequest
from queuebit_contracts.fleet import IsolationAnswer, IsolationRequest

__all__ = ["Broker", "Scheduler"]


class Broker(Protocol):
    """Appends the facts of the calendars of backends."""

    async def plan(self, request: WindowsRequest) -> WindowsAnswer:
        """Plan windows, or cancel one; asking again for the same is safe.

        Raises:
            Unavailable: it does not answer; it may have done it.
        """
        ...


class Scheduler(Protocol):
    """The one process that appends placements, and so what allows or forbids them."""

    async def ask(self, request: IsolationRequest) -> IsolationAnswer:
        """Isolate a backend, or readmit it; asking again for the same is safe.

        Raises:
            Unavailable: it does not answer; it may have done it.
        """
        ...
