"""The transparency log's own facts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from queuebit_contracts.wire import Digest, Event, Name, Wire

__all__ = ["Checkpoint", "KeysRotated", "LogCheckpointed", "LoggedStatement", "Rotation", "StatementLogged"]


class Checkpoint(Wire):
    """A signed head of the log."""

    log: Name
    tree_size: int = Field(ge=0)
    checkpoint: str
    """C2SP checkpoint: origin, size, root, and its signature lines."""


class LogCheckpointed(Event[Checkpoint]):
    """The log grew. Committed together with the seals it covers, and guarded, so that it cannot fork."""

    type: Literal["qb.proof.checkpointed.v1"] = "qb.proof.checkpointed.v1"


class LoggedStatement(Wire):
    """A statement of a user, such as that of a signed file, is a leaf. The log has its digest alone."""

    log: Name
    entry: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the statement, in hex digits."""
    leaf_index: int = Field(ge=0)
    tree_size: int = Field(ge=1)
    """Leaves of the log after the batch; the next `qb.proof.checkpointed.v1` signs this size."""

    @property
    def statement(self) -> str:
        """The digest of the statement, as those of jobs have it."""
        return f"sha256:{self.entry}"


class StatementLogged(Event[LoggedStatement]):
    """A statement existed at the time of the head that follows. Whose it is, it says itself."""

    type: Literal["qb.proof.statement_logged.v1"] = "qb.proof.statement_logged.v1"


class Rotation(Wire):
    """A change of the log's keys. The statement about it is a leaf, like those about jobs."""

    log: Name
    trust_version: int = Field(ge=2)
    """Version of the trust document from then on."""
    profile: str
    """`default` or `cnsa2`: the algorithms of the new keys."""
    statement: Digest
    """Of the statement: the entry in the log."""
    envelope: str
    """The statement in a DSSE envelope, signed by the keys that were replaced."""
    leaf_index: int = Field(ge=0)
    tree_size: int = Field(ge=1)
    """Leaves of the log after the batch; the next `qb.proof.checkpointed.v1` signs this size."""


class KeysRotated(Event[Rotation]):
    """The keys of the log were replaced. Committed together with the first head that the new ones sign."""

    type: Literal["qb.proof.keys_rotated.v1"] = "qb.proof.keys_rotated.v1"
