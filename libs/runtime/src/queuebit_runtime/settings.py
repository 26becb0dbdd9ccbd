"""Settings that every service shares."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["BusSettings"]


class BusSettings(BaseSettings):
    """Connection to the bus, and the health port."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_BUS_", frozen=True, extra="forbid")

    url: str = "nats://127.0.0.1:4222"
    """Address of nats-server; servers of a cluster are separated by commas."""
    ca_file: Path | None = None
    """CA certificate of the servers, for a bus with TLS."""
    seed_file: Path
    """File with the NKey seed of this service's own NATS user; readable only by its owner."""
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port of `/healthz` and `/readyz`; 0 takes any free one."""
    gate_fd: int | None = Field(default=None, ge=3)
    """A descriptor: the service connects once it has read one byte of it. Without one, it connects at once."""
    snapshots_dir: Path | None = None
    """Folder for snapshots of views. Without one, a start reads the log from the beginning."""
