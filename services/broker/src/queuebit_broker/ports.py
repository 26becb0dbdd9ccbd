"""The ports of the handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from queuebit_contracts.hybrid import HybridSubmitted
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_runtime.log import EventLog, Stored

__all__ = ["EventLog", "Executors", "Flags", "Follower", "KeySets", "Stored", "no_flags"]

Flags = Callable[[JobSubmitted | HybridSubmitted], Awaitable[tuple[str, ...] | None]]
"""What rules of data protection find in a submission that refuse nothing; None: nothing. Raises `Unavailable`."""


async def no_flags(event: JobSubmitted | HybridSubmitted) -> None:
    """Without rules, nothing is found."""
    del event


class Executors(Protocol):
    """Executors, which can read circuits."""

    async def profile(self, stack: str, request: ProfileRequest) -> ProfileAnswer:
        """Ask the executors of a stack.

        Raises:
            Unavailable: none answered in time.
        """
        ...


class Follower(Protocol):
    """The fold of the log into the broker's view."""

    async def reached(self, sequence: int) -> None:
        """Wait until everything up to `sequence` has been folded."""
        ...


class KeySets(Protocol):
    """The public keys of issuers."""

    async def keys(self, url: str, key_id: str | None) -> Sequence[Mapping[str, Any]]:
        """The JSON Web Keys at an address, with the key of this id if the issuer has it.

        Raises:
            Unavailable: they cannot be read.
        """
        ...
