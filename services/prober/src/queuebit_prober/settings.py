"""What the prober reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_PROBER_", frozen=True, extra="forbid")

    document: Path | None = None
    """`probes.toml`, read once; without the file nothing runs. Circuits that it names lie beside it."""
    credential: Path | None = None
    """Of the user in whose name probes run, and whose project pays; without the file nothing runs."""
    warehouse_url: str = "http://127.0.0.1:8123"
    """ClickHouse's HTTP interface, from which old jobs are read."""
    warehouse_user: str = Field(default="analyst", min_length=1)
    """A user who reads all rows and writes nothing."""
    warehouse_password_file: Path | None = None
    """One line; readable by its owner only. Without it, no old job is run again."""
    every_s: float = Field(default=10, ge=0.05, le=3600)
    """The time between two looks at what is due."""
