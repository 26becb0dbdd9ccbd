"""The ports of the handlers."""

from __future__ import annotations

from typing import Protocol

from queuebit_contracts.wire import Payload

__all__ = ["DecisionStore"]


class DecisionStore(Protocol):
    """The store of decision snapshots."""

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
            Missing: it is missing, or does not match its digest.
            Unavailable: the store did not answer.
        """
        ...
