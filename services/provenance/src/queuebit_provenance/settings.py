"""Everything the provenance service reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_contracts.wire import Name

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Where keys and tiles lie, what the log is called, and how it is paced."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_PROVENANCE_", frozen=True, extra="forbid")

    data_dir: Path
    """Holds `keys/`, to be backed up and kept secret, and `log/`, to be served to anybody."""
    log_name: Name = "main"
    """The log's name in subjects. There is one log a stream."""
    origin: str = Field(default="queuebit.local/main", min_length=1, max_length=255)
    """The log's name in signatures and receipts; fixed for ever by the first start."""
    trust_file: Path | None = None
    """Where the trust document is put for verifiers; after a change of keys, the document that lists old and new."""
    recovered_file: Path | None = None
    """What `qb recover` wrote down. Where it names lost events, the log goes on from what was published."""
    max_batch: int = Field(default=200, ge=1, le=900)
    """Most jobs in one atomic batch, of which the server takes 1,000 messages."""
    linger_ms: int = Field(default=100, ge=0, le=5000)
    """Least time between the beginnings of two batches; a full batch does not wait, nor does the first after a rest."""
