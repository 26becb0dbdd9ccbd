"""What metering reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_METERING_", frozen=True, extra="forbid")

    price_book: Path
    """Prices; read once, so that a new book takes a restart. It must still list every price that was ever quoted."""
    costs: Path | None = None
    """`costs.toml`: vendors that are asked for their costs. Without the file, none is."""
    workers: int = Field(default=64, ge=1, le=64)
    """Jobs that are billed concurrently; when so many wait, their bills are stored."""
    linger_ms: int = Field(default=250, ge=0, le=5000)
    """Least time between two batches of bills while jobs keep ending. The first job after a rest does not wait, nor do
    the last of a burst."""
