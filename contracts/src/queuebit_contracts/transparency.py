"""The transparency log's own facts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from queuebit_contracts.wire import Event, Name, Wire

__all__ = ["Checkpoint", "LogCheckpointed"]


class Checkpoint(Wire):
    """A signed head of the log."""

    log: Name
    tree_size: int = Field(ge=0)
    checkpoint: str
    """C2SP checkpoint: origin, size, root, and its signature lines."""


class LogCheckpointed(Event[Checkpoint]):
    """The log grew. Committed together with the seals it covers, and guarded, so that it cannot fork."""

    type: Literal["qb.proof.checkpointed.v1"] = "qb.proof.checkpointed.v1"
