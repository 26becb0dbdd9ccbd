"""Everything the provenance service reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.wire import Name
from queuebit_proof import Profile

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Keys, tiles, name and rate of the log."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_PROVENANCE_", frozen=True, extra="forbid")

    data_dir: Path
    """Holds `keys/`, which is secret and needs a backup, and `log/`, which is public."""
    log_name: Name = "main"
    """The log's name in subjects. There is one log a stream."""
    origin: str = Field(default="queuebit.local/main", min_length=1, max_length=255)
    """The log's name in signatures and receipts; fixed by the first start."""
    passphrase_file: Path | None = None
    """Of the private keys; its one line is the passphrase. Keys that lie in plain text are encrypted at the start."""
    passphrase_vault: str | None = None
    """Instead of the file: a path and a field in Vault, such as `secret/data/queuebit#passphrase`."""
    signers_file: Path | None = None
    """Which keys a device or a service keeps: references, such as `vault:transit/heads` (docs/keys.md)."""
    profile: Profile | None = None
    """`default` or `cnsa2`: of new keys; with keys of another profile the service does not start, if it is set."""
    trust_file: Path | None = None
    """Path of the trust document for verifiers; after a change of keys it lists old and new ones."""
    witnesses_file: Path | None = None
    """Verifier keys of witnesses, each with its address: they are asked to cosign heads, for receipts."""
    witness_seconds: float = Field(default=10.0, ge=1, le=86_400)
    """The time between two heads that witnesses are asked for."""
    recovered_file: Path | None = None
    """The record of `qb recover`. If it names lost events, the log continues after the published tiles."""
    max_batch: int = Field(default=200, ge=1, le=900)
    """The most jobs in one atomic batch; the server accepts 1,000 messages per batch."""
    linger_ms: int = Field(default=250, ge=0, le=5000)
    """Least time between the beginnings of two batches while jobs keep coming. A full batch does not wait, nor does the
    first after a rest, nor the last of a burst."""
