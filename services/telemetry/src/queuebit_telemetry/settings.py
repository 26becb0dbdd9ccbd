"""What telemetry reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything telemetry reads from its environment; the password is in a file."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_TELEMETRY_", frozen=True, extra="forbid")

    warehouse_url: str = "http://127.0.0.1:8123"
    """ClickHouse's HTTP interface: the embedded warehouse, or a server."""
    warehouse_user: str = Field(default="queuebit", min_length=1)
    warehouse_password_file: Path
    """One line; readable by its owner only."""
    warehouse_cluster: str = Field(default="", pattern=r"^([A-Za-z][A-Za-z0-9_-]{0,63})?$")
    """The cluster of ClickHouse servers, as their configuration names it: tables are made on all of them, and
    replicated. Empty: a single server."""
    objectives: Path | None = None
    """The folder with the service levels that are promised, read once; absent or empty for those of this version."""
    flush_ms: int = Field(default=1_500, ge=10, le=10_000)
    """How long an event may wait for others while others keep arriving; an insert of one row costs as much as one of
    hundreds. When the log pauses, the insert follows at once, or half of this time after the one before."""
    max_batch: int = Field(default=3_000, ge=1, le=100_000)
    """Most rows of one insert. Twice as many may wait, at 2 to 3 KB each."""
