"""What the fleet service reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_FLEET_", frozen=True, extra="forbid")

    document: Path | None = None
    """`fleet.toml`, read once; without the file all limits are those of the library."""
    secrets: Path | None = None
    """The folder with the files that the document names."""
    every_s: float = Field(default=5, ge=0.05, le=3600)
    """The longest time between two looks; a fact about a backend is looked at when it comes."""
