"""What the scheduler reads from its environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_SCHEDULER_", frozen=True, extra="forbid")

    places_per_slot: int = Field(default=16, ge=1, le=1024)
    """The most placed jobs of a backend that have not ended, per slot.

    Few bind late: new jobs are served soon. Too few leave a backend idle while the bus carries the next job.
    """
    silence_s: float = Field(default=30.0, ge=2, le=3600)
    """How long a backend may leave questions unanswered before jobs that wait there are placed elsewhere."""
    return_s: float = Field(default=120.0, ge=2, le=86400)
    """How long a backend that was out of service must answer without a gap before it is in service again."""
