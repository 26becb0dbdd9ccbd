"""What the scheduler reads from its environment."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from queuebit_scheduling import AGED_US, HALF_LIFE_S
from queuebit_scheduling.registry import POLICIES

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Everything but the bus."""

    model_config = SettingsConfigDict(env_prefix="QUEUEBIT_SCHEDULER_", frozen=True, extra="forbid")

    name: str = Field(default="", max_length=200)
    """Names this process among several of the service; one that starts under the name of an earlier process takes its
    lease over at once. Empty: the machine and its health port."""
    lease_s: float = Field(default=3.0, ge=0.5, le=60)
    """How long after the last heartbeat of the leader another process takes over."""
    policy: str = ""
    """The policy that places jobs, by name and version; empty: the newest of this version."""
    places_per_slot: int = Field(default=16, ge=1, le=1024)
    """The most placed jobs of a backend that have not ended, per slot.

    They are for short jobs: long ones are placed while less run time is ahead of them (`FairShare.has_enough`). Too few
    leave a backend idle while the bus carries the next job.
    """
    half_life_s: float = Field(default=HALF_LIFE_S, ge=1, le=30 * 86400)
    """After how long service received counts half in fair share. It is in the snapshot of each decision. With another
    value, the state is folded from the log again."""
    aged_s: float = Field(default=AGED_US / 1e6, ge=1, le=30 * 86400)
    """After what time of waiting a job goes before the classes and priorities of its project. It is in the snapshot of
    each decision."""
    silence_s: float = Field(default=30.0, ge=2, le=3600)
    """How long a backend may leave questions unanswered before jobs that wait there are placed elsewhere."""
    return_s: float = Field(default=120.0, ge=2, le=86400)
    """How long a backend that was out of service must answer without a gap before it is in service again."""

    @field_validator("policy")
    @classmethod
    def _known(cls, name: str) -> str:
        if name and name not in POLICIES:
            raise ValueError(f"there is no policy {name}; there are: {', '.join(sorted(POLICIES))}")
        return name
