"""The service's ports, besides the event log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from queuebit_contracts.job import Seal, SealV1
from queuebit_contracts.subjects import Aggregate
from queuebit_contracts.transparency import LoggedStatement, Rotation
from queuebit_provenance.state import Leaf
from queuebit_runtime.stored import Stored

__all__ = ["Histories", "Sealing", "Seals"]


class Histories(Protocol):
    """The histories of jobs; `EventLog` has them, too."""

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        """As `EventLog.history`."""
        ...


class Seals(Protocol):
    """The seals in the log, from which the tree is built, and its signed heads."""

    def read(self, leaf: int, *, until: int) -> AsyncIterator[Seal | SealV1 | Rotation | LoggedStatement]:
        """Yield all that has a leaf from `leaf` on, in the order of the log, up to sequence `until`.

        Raises:
            Unavailable: the log did not answer in time.
        """
        ...

    async def head(self, after: int) -> str | None:
        """Return the first checkpoint after a sequence; for that of a seal, the one that was stored with it.

        Raises:
            Unavailable: the log did not answer in time.
        """
        ...


class Sealing(Protocol):
    """Assigns places in the transparency log."""

    async def seal(self, leaf: Leaf) -> None:
        """Return after the statement is stored as a leaf."""
        ...
