"""What alerting reads from its environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_incidents.rules import Rules

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_ALERTING_", frozen=True, extra="forbid")

    name: str = Field(default="alerting", min_length=1, max_length=200)
    """Names this process among several of the service; one that starts under the name of an earlier process takes its
    lease over at once."""
    every_s: float = Field(default=10, ge=0.05, le=3600)
    """The time between two evaluations."""
    document: Path | None = None
    """`alerts.toml`: receivers and routes, read once; without the file no receiver is notified."""
    secrets: Path | None = None
    """The folder with the files that the document names as secrets."""
    warehouse_url: str = "http://127.0.0.1:8123"
    """ClickHouse's HTTP interface, in which objectives are counted."""
    warehouse_user: str = Field(default="analyst", min_length=1)
    """A user who reads all rows and writes nothing."""
    warehouse_password_file: Path | None = None
    """One line; readable by its owner only. Without it, no objective is evaluated."""
    objectives: Path | None = None
    """The folder with the stack's own objectives, read once; absent or empty for those of this version."""
    bus_log: Path | None = None
    """The file into which nats-server writes its log, on the same machine. Without it, requests for what belongs to
    another tenant are refused, and are no alert."""
    drift_room: int = Field(default=100_000, ge=0, le=10_000_000)
    """Values that monitors of drift may keep: 100,000 are about 25 MB. Streams without new samples make room first."""
    drift_minutes: int = Field(default=10, ge=1, le=60)
    """How often drift is looked for in results and calibrations."""
    lease_s: float = Field(default=10, ge=0.5, le=300)
    """How long after its last heartbeat another process takes over."""
    incident_quiet_s: float = Field(default=600, ge=0, le=86_400)
    """An incident is resolved by rule when no alert of its group fired for so long."""
    incident_reopen_s: float = Field(default=3600, ge=0, le=604_800)
    """A page so soon after the end of an incident continues it."""

    @property
    def incident_rules(self) -> Rules:
        """When incidents end and continue."""
        return Rules(timedelta(seconds=self.incident_quiet_s), timedelta(seconds=self.incident_reopen_s))
