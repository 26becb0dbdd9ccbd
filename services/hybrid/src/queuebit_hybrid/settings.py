"""What the hybrid service reads from its environment."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_HYBRID_", frozen=True, extra="forbid")

    data_dir: Path = Field(default_factory=lambda: Path(gettempdir()) / "queuebit-hybrid")
    """Folder for what running jobs have used so far, so that it is billed if this process is lost."""
    slots: int = Field(default=2, ge=1, le=32)
    """Hybrid jobs that run at once; others wait."""
    memory_mb: int = Field(default=1024, ge=64, le=1_048_576)
    """Memory of all processes of one job together."""
    disk_mb: int = Field(default=256, ge=1, le=1_048_576)
    """What one job may have in files; they are in memory, and gone with it."""
    processes: int = Field(default=64, ge=8, le=4096)
    """Processes and threads of one job."""
    first_uid: int = Field(default=61_000, ge=1000, le=4_000_000)
    """Jobs run as this user and those after it, each as one that no other has at the time; none needs an account."""
    protection: Path | None = None
    """The rules of data protection, read once; those that mask are applied to logs and metrics."""
    unsafe: bool = False
    """Run jobs without isolation, as the user of this service: only where every user may do whatever it may."""
