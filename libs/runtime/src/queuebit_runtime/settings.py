"""Settings that every service shares."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["BusSettings"]


class BusSettings(BaseSettings):
    """How a process reaches the bus, and where it tells its health."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_BUS_", frozen=True, extra="forbid")

    url: str = "nats://127.0.0.1:4222"
    """Where nats-server listens; the servers of a cluster with commas between them."""
    ca_file: Path | None = None
    """Certificate of the authority that signed the servers' own, for a bus that speaks TLS."""
    seed_file: Path
    """File with the NKey seed of this service's own NATS user; readable by its owner alone."""
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=0, ge=0, le=65535)
    """Port of `/healthz` and `/readyz`; 0 takes any free one."""
