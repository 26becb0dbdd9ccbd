"""What the handlers need from outside."""

from __future__ import annotations

from typing import Protocol

from queuebit_contracts.wire import Payload

__all__ = ["DecisionStore"]


class DecisionStore(Protocol):
    """Where the snapshots of decisions are kept."""

    async def keep(self, content: bytes, *, private: bool, copies: int) -> Payload:
        """Keep a snapshot: inside the reference where it is small, unless it is private.

        Args:
            content: the snapshot as it is stored.
            private: whether it names several tenants; a tenant reads its own placements, and must not read of others.
            copies: how many placements will refer to it.

        Raises:
            Unavailable: the store did not confirm.
        """
        ...

    async def read(self, decision: Payload) -> bytes:
        """Return a snapshot that was kept.

        Raises:
            Missing: it is not there, or it is not what its digest says.
            Unavailable: the store did not answer.
        """
        ...
